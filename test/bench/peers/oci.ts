/** runc and crun with a plain bundle: what a start costs without images, networks, logs and clean-up. */
import { join } from "node:path";
import { makeBundle } from "../bundle.ts";
import type { Command, Peer, World } from "../peer.ts";

export function ociPeer(name: "runc" | "crun"): Peer {
  let bundles = "";
  const runtime = (...args: string[]): Command => ({ argv: [name, "--root", `/run/bench-${name}`, ...args] });
  const sleeper = `bench-${name}-sleeper`;

  return {
    name,
    programs: [name],

    async start({ dir, rootfs }: World) {
      bundles = join(dir, name);
      const make = (bundle: string, args: string[]) =>
        makeBundle(name, join(bundles, bundle), { rootfs, args, cgroup: `/tsrun-bench-${name}/${bundle}` });
      await make("true", ["/bin/true"]);
      await make("sleeper", ["/bin/sleep", "100000"]);
    },

    run: (_image, network) =>
      network === "none" ? runtime("run", "--bundle", join(bundles, "true"), `bench-${name}`) : undefined,
    bundle: () => runtime("run", "--bundle", join(bundles, "true"), `bench-${name}`),
    startSleeper: () => runtime("run", "--detach", "--bundle", join(bundles, "sleeper"), sleeper),
    exec: () => runtime("exec", sleeper, "/bin/true"),
    removeSleeper: () => runtime("delete", "--force", sleeper),
  };
}
