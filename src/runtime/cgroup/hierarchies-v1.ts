/** The mounted hierarchies of cgroup v1, as /proc/self/mountinfo (proc_pid_mountinfo(5)) lists them. */
import type { Controller } from "./setting.ts";

/** What a container's limits, counters and freezer need; other hierarchies are left alone unless they are asked for. */
const MANAGED: readonly Controller[] = [
  "cpuset",
  "memory",
  "cpu",
  "cpuacct",
  "pids",
  "devices",
  "freezer",
  "blkio",
];

/** The key of a cgroup2 mount beside those of v1, which has no controller ("hybrid"). */
export const UNIFIED = "";

/** Directory by controller, the mount point or one below it; controllers that are mounted together share one. */
export type Hierarchies = ReadonlyMap<Controller, string>;

export interface CgroupMount {
  mountPoint: string;
  /** The cgroup that is seen at the mount point. */
  root: string;
  /** Controllers, or "name=…" of a hierarchy that has none, or UNIFIED. */
  keys: string[];
}

export function parseHierarchies(mountinfo: string): Hierarchies {
  const byController = new Map<string, string>();
  for (const { mountPoint, keys } of parseCgroupMounts(mountinfo)) {
    for (const key of keys) if (!byController.has(key)) byController.set(key, mountPoint);
  }
  const hierarchies = new Map<Controller, string>();
  for (const controller of MANAGED) {
    const mount = byController.get(controller);
    if (mount !== undefined) hierarchies.set(controller, mount);
  }
  return hierarchies;
}

/** Options of such a mount that are no controllers (fs_parameter_spec cgroup1_fs_parameters). */
const FLAGS = /^(rw|ro|none|xattr|noprefix|clone_children|cpuset_v2_mode|favordynmods|release_agent=.*)$/;

/** All mounts of cgroup filesystems, those that tsrun has no limits in as well. */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of mountinfo.split("\n")) {
    // "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct"
    const separator = line.indexOf(" - cgroup");
    if (separator === -1) continue;
    const [, , , root = "/", mountPoint = ""] = line.split(" ", 5);
    const isUnified = line.startsWith(" - cgroup2 ", separator);
    if (!isUnified && !line.startsWith(" - cgroup ", separator)) continue;
    const options = line.slice(line.lastIndexOf(" ") + 1).split(",");
    mounts.push({
      mountPoint: unescaped(mountPoint),
      root: unescaped(root),
      keys: isUnified ? [UNIFIED] : options.filter((option) => !FLAGS.test(option)),
    });
  }
  return mounts;
}

/** Spaces, tabs, newlines and backslashes of a path are written in octal there. */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
