/** Where the cgroup of an OCI container is (config-linux.md, "Cgroups Path"). */
import { readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { TsrunError } from "../errors.ts";
import { isCgroup2 } from "../kernel/cgroupfs.ts";
import { type CgroupMount, parseCgroupMounts, UNIFIED } from "../runtime/cgroup/hierarchies-v1.ts";
import { directoryBelow, parseProcCgroup } from "../runtime/cgroup/own.ts";
import type { CgroupView } from "../runtime/plan/mounts.ts";

/** As the state document keeps it: later commands may run in other cgroups, to which relative paths are not the same. */
export interface CgroupLocation {
  version: 1 | 2;
  /** The directory that `path` is below, by controller; "" is cgroup v2. */
  roots: Record<string, string>;
  /** "/a/b": the same below each root. */
  path: string;
}

const MOUNT = "/sys/fs/cgroup";

/**
 * An absolute path is below the mount points, a relative one beside this process's own cgroup (v2, where a cgroup with
 * processes cannot have children with limits) or in it (v1); where there is none, it is the container's id.
 */
export function locateCgroup(cgroupsPath: string | undefined, id: string): CgroupLocation {
  const path = cleaned(cgroupsPath || id);
  const mounts = firstMounts();
  const own = cgroupsPath?.startsWith("/") ? new Map<string, string>() : ownCgroups("self");
  const version = isCgroup2(MOUNT) ? 2 : 1;
  if (version === 2) {
    const mount = mounts.get(UNIFIED) ?? { mountPoint: MOUNT, root: "/", keys: [UNIFIED] };
    const beside = dirname(own.get(UNIFIED) ?? "/");
    return { version, roots: { [UNIFIED]: mount.mountPoint }, path: below(mount, beside) + path };
  }
  const roots: Record<string, string> = {};
  for (const [key, mount] of mounts) roots[key] = directoryBelow(mount, own.get(key) ?? mount.root);
  if (Object.keys(roots).every((key) => key === UNIFIED)) {
    throw new TsrunError("ERR_TSRUN_CGROUP_NOT_MOUNTED", `no cgroup filesystem is mounted on ${MOUNT}`, {
      hint: "mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup",
    });
  }
  return { version, roots, path };
}

/** What of it the container sees in a mount of type cgroup: each hierarchy of v1 by its mount point's name. */
export function cgroupViewOf({ version, roots, path }: CgroupLocation): CgroupView {
  if (version === 2) return { version };
  const mounts = new Set([...firstMounts()].filter(([key]) => key !== UNIFIED).map(([, mount]) => mount));
  return {
    version,
    hierarchies: [...mounts].map(({ mountPoint, keys }) => ({
      name: posix.basename(mountPoint),
      options: keys.join(","),
      ...ownDirectory(keys),
    })),
  };

  function ownDirectory(keys: readonly string[]): { directory?: string } {
    const root = keys.map((key) => (roots as Record<string, string | undefined>)[key]).find(Boolean);
    return root === undefined ? {} : { directory: root + path };
  }
}

/** Directory by controller; "" is cgroup v2. */
export const cgroupPaths = ({ roots, path }: CgroupLocation): Record<string, string> =>
  Object.fromEntries(Object.entries(roots).map(([key, root]) => [key, root + path]));

/** The directory in cgroup v2 of a process, which may be in a cgroup below its container's; undefined where it is gone. */
export function unifiedDirectoryOf(pid: number): string | undefined {
  const mount = firstMounts().get(UNIFIED);
  const path = ownCgroups(pid).get(UNIFIED);
  return mount === undefined || path === undefined ? undefined : directoryBelow(mount, path);
}

const below = (mount: CgroupMount, path: string): string =>
  directoryBelow(mount, path).slice(mount.mountPoint.length);

/** Nothing that is written there leads above the mount point. */
function cleaned(cgroupsPath: string): string {
  const path = posix.normalize(`/${cgroupsPath}`).replace(/\/$/, "");
  if (path === "") {
    throw new TsrunError(
      "ERR_TSRUN_CGROUP_PATH_INVALID",
      `linux.cgroupsPath "${cgroupsPath}" is the root of all cgroups`,
      { hint: "name a cgroup of the container's own, or leave it out" },
    );
  }
  return path;
}

/** By key, where each is mounted first. */
function firstMounts(): Map<string, CgroupMount> {
  const mounts = new Map<string, CgroupMount>();
  for (const mount of parseCgroupMounts(readFileSync("/proc/self/mountinfo", "utf8"))) {
    // mountinfo lists what another mount covers, too.
    if (mount.keys.includes(UNIFIED) && !isCgroup2(mount.mountPoint)) continue;
    for (const key of mount.keys) if (!mounts.has(key)) mounts.set(key, mount);
  }
  return mounts;
}

function ownCgroups(pid: number | "self"): Map<string, string> {
  try {
    return parseProcCgroup(readFileSync(`/proc/${pid}/cgroup`, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw error;
  }
}
