/** Podman over crun, its data and state in the bench's own folders. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command, Peer, World } from "../peer.ts";

const sleeper = "bench-podman-sleeper";
const parent = ["--cgroup-parent", "/tsrun-bench-podman"];

/** The smaller of this process's hard limit, a row of /proc/self/limits (proc_pid_limits(5)), and `most`. */
function hardLimit(row: string, most: number): number {
  const limits = readFileSync("/proc/self/limits", "utf8").split("\n");
  const line = limits.find((text) => text.startsWith(row)) ?? "";
  const hard = line.slice(row.length).trim().split(/\s+/)[1] ?? "";
  return Math.min(hard === "unlimited" ? most : Number(hard), most);
}

export function podmanPeer(): Peer {
  let global: string[] = [];
  let env: Record<string, string> = {};
  const podman = (...args: string[]): Command => ({ argv: ["podman", ...global, ...args], env });
  return {
    name: "podman",
    programs: ["podman", "crun", "conmon"],

    async start({ dir, registry }: World) {
      global = [
        "--root",
        join(dir, "podman"),
        "--runroot",
        "/run/bench-podman",
        "--tmpdir",
        "/run/bench-libpod",
      ];
      global.push("--cgroup-manager", "cgroupfs", "--events-backend", "file");
      global.push("--runtime", "crun", "--storage-driver", "overlay");
      // Podman raises these as root, which fails where root has no CAP_SYS_RESOURCE; its own is at most 32768.
      const [files, processes] = [hardLimit("Max open files", 1 << 20), hardLimit("Max processes", 1 << 15)];
      const limits = `"nofile=${files}:${files}", "nproc=${processes}:${processes}"`;
      const containers = join(dir, "containers.conf");
      writeFileSync(containers, `[containers]\ndefault_ulimits = [${limits}]\n`);
      const registries = join(dir, "registries.conf");
      writeFileSync(registries, `[[registry]]\nlocation = "${registry}"\ninsecure = true\n`);
      env = { CONTAINERS_CONF: containers, CONTAINERS_REGISTRIES_CONF: registries };
    },

    pull: (image) => podman("pull", "--quiet", image),
    removeImage: (image) => podman("rmi", "--force", image),
    // Its build is buildah's.
    build: (context, { anew }) =>
      podman(
        ...["build", "--quiet", "--layers", ...(anew ? ["--no-cache"] : []), ...parent],
        ...["--tag", "bench-build", context],
      ),
    run: (image, network) => podman("run", "--rm", "--network", network, ...parent, image, "true"),
    startSleeper: (image) =>
      podman("run", "--detach", "--network", "none", ...parent, "--name", sleeper, image, "sleep", "100000"),
    exec: () => podman("exec", sleeper, "true"),
    removeSleeper: () => podman("rm", "--force", "--time", "0", sleeper),

    crowd: {
      start: (image, name) => podman("run", "-d", ...parent, "--name", name, image, "sleep", "100000"),
      list: () => podman("ps", "--format", "{{.Names}}"),
      remove: (names) => podman("rm", "--force", "--time", "0", ...names),
      attendant: /^\S*conmon /,
    },
  };
}
