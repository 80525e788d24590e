/** runc and crun with a plain bundle: what a start costs without images, networks, logs and clean-up. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command, Peer, World } from "../peer.ts";
import { time } from "../process.ts";

export function ociPeer(name: "runc" | "crun"): Peer {
  let bundles = "";
  const runtime = (...args: string[]): Command => ({ argv: [name, "--root", `/run/bench-${name}`, ...args] });
  const sleeper = `bench-${name}-sleeper`;

  async function makeBundle(bundle: string, rootfs: string, args: string[]): Promise<void> {
    const dir = join(bundles, bundle);
    mkdirSync(dir, { recursive: true });
    // Both write the specification's example; its cgroup and command are ours.
    await time({ argv: ["sh", "-c", `cd "$1" && ${name} spec`, "spec", dir] });
    const path = join(dir, "config.json");
    const config = JSON.parse(readFileSync(path, "utf8"));
    config.process.terminal = false;
    config.process.args = args;
    config.root = { path: rootfs, readonly: true };
    config.linux.cgroupsPath = `/tsrun-bench-${name}/${bundle}`;
    writeFileSync(path, JSON.stringify(config));
  }

  return {
    name,
    programs: [name],

    async start({ dir, rootfs }: World) {
      bundles = join(dir, name);
      await makeBundle("true", rootfs, ["/bin/true"]);
      await makeBundle("sleeper", rootfs, ["/bin/sleep", "100000"]);
    },

    run: (_image, network) =>
      network === "none" ? runtime("run", "--bundle", join(bundles, "true"), `bench-${name}`) : undefined,
    startSleeper: () => runtime("run", "--detach", "--bundle", join(bundles, "sleeper"), sleeper),
    exec: () => runtime("exec", sleeper, "/bin/true"),
    removeSleeper: () => runtime("delete", "--force", sleeper),
  };
}
