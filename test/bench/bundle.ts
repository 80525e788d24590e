/** Bundles for runtimes that know nothing else. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { time } from "./process.ts";

/** A new bundle in `dir`: the runtime's own example, with a command and a cgroup of ours. */
export async function makeBundle(
  runtime: string,
  dir: string,
  { rootfs, args, cgroup }: { rootfs: string; args: string[]; cgroup: string },
): Promise<void> {
  mkdirSync(dir, { recursive: true });
  await time({ argv: ["sh", "-c", 'cd "$2" && "$1" spec', "spec", runtime, dir] });
  const path = join(dir, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8"));
  config.process.terminal = false;
  config.process.args = args;
  config.root = { path: rootfs, readonly: true };
  config.linux.cgroupsPath = cgroup;
  writeFileSync(path, JSON.stringify(config));
}
