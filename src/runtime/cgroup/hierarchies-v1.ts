/** The mounted hierarchies of cgroup v1, as /proc/self/mountinfo (proc_pid_mountinfo(5)) lists them. */
import type { Controller } from "./setting.ts";

/** What tsrun uses; other controllers (net_cls, perf_event, hugetlb) are left alone. */
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

/** Mount point by controller; controllers that are mounted together share one. */
export type Hierarchies = ReadonlyMap<Controller, string>;

export function parseHierarchies(mountinfo: string): Hierarchies {
  const byController = new Map<string, string>();
  for (const line of mountinfo.split("\n")) {
    // "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct"
    const separator = line.indexOf(" - cgroup ");
    if (separator === -1) continue;
    const mountPoint = line.split(" ", 5)[4] ?? "";
    const superOptions = line.slice(line.lastIndexOf(" ") + 1).split(",");
    for (const option of superOptions)
      if (!byController.has(option)) byController.set(option, unescaped(mountPoint));
  }
  const hierarchies = new Map<Controller, string>();
  for (const controller of MANAGED) {
    const mount = byController.get(controller);
    if (mount !== undefined) hierarchies.set(controller, mount);
  }
  return hierarchies;
}

/** Spaces, tabs, newlines and backslashes of a path are written in octal there. */
const unescaped = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
