/** tsrun as its users type it: bin/tsrun of this checkout. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeBundle } from "../bundle.ts";
import type { Command, Peer, World } from "../peer.ts";

const program = fileURLToPath(new URL("../../../bin/tsrun", import.meta.url));
const ociProgram = fileURLToPath(new URL("../../../bin/tsrun-oci", import.meta.url));
const sleeper = "bench-tsrun-sleeper";

/** TSRUN_ROOT and TSRUN_RUN of the bench. */
export const tsrunPaths = (dir: string) => ({ root: join(dir, "tsrun"), run: "/run/bench-tsrun" });

export function tsrunPeer(): Peer {
  let env: Record<string, string> = {};
  let bundle = "";
  const tsrun = (...args: string[]): Command => ({ argv: [program, ...args], env });
  return {
    name: "tsrun",
    programs: [program],

    async start({ dir, rootfs }: World) {
      const { root, run } = tsrunPaths(dir);
      env = { TSRUN_ROOT: root, TSRUN_RUN: run };
      bundle = join(dir, "tsrun-bundle");
      await makeBundle(ociProgram, bundle, { rootfs, args: ["/bin/true"], cgroup: "/tsrun-bench-oci" });
    },

    pull: (image) => tsrun("pull", "--quiet", image),
    removeImage: (image) => tsrun("rmi", "--force", image),
    build: (context, { anew }) =>
      tsrun("build", "--quiet", ...(anew ? ["--no-cache"] : []), "--tag", "bench-build", context),
    run: (image, network) => tsrun("run", "--rm", "--network", network, image, "true"),
    bundle: () => ({
      argv: [ociProgram, "--root", "/run/bench-tsrun-oci", "run", "--bundle", bundle, "bench-tsrun"],
    }),
    startSleeper: (image) =>
      tsrun("run", "-d", "--network", "none", "--name", sleeper, image, "sleep", "100000"),
    exec: () => tsrun("exec", sleeper, "true"),
    removeSleeper: () => tsrun("rm", "--force", sleeper),

    crowd: {
      start: (image, name) => tsrun("run", "-d", "--name", name, image, "sleep", "100000"),
      list: () => tsrun("ps", "--format", "{{.Names}}"),
      remove: (names) => tsrun("rm", "--force", ...names),
      attendant: /^tsrun-monitor /,
    },

    wire: {
      start: (image, name, publish) =>
        tsrun(
          ...["run", "-d", "--name", name],
          ...(publish ? ["-p", `127.0.0.1:${publish.hostPort}:${publish.containerPort}`] : []),
          ...[image, "sleep", "100000"],
        ),
      look: (name) => tsrun("inspect", "-f", "{{.State.Pid}} {{.NetworkSettings.IPAddress}}", name),
      remove: (names) => tsrun("rm", "--force", ...names),
    },
  };
}
