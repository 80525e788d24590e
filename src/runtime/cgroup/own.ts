/** Which cgroups a process is in, as /proc/PID/cgroup (cgroups(7)) tells and where that is in the filesystem. */
import type { CgroupMount } from "./hierarchies-v1.ts";

/** Path by controller, by "name=…" of hierarchies without any, and by "" of cgroup v2. */
export function parseProcCgroup(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split("\n")) {
    // "4:memory:/a/b", "1:cpu,cpuacct:/", "0::/a"
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    for (const key of match?.[1]?.split(",") ?? []) paths.set(key, match?.[2] ?? "/");
  }
  return paths;
}

/** The directory of a cgroup's path below a mount that may show only a part of the hierarchy. */
export function directoryBelow({ mountPoint, root }: CgroupMount, path: string): string {
  const isShown = root === "/" || path === root || path.startsWith(`${root}/`);
  const below = isShown ? path.slice(root === "/" ? 0 : root.length) : "";
  return mountPoint + (below === "/" ? "" : below);
}
