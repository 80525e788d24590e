import { readFileSync } from "node:fs";
import { TsrunError } from "../../errors.ts";
import { isCgroup2 } from "../../kernel/cgroupfs.ts";
import { isRootless } from "../../kernel/rootless.ts";
import { delegatedCgroup } from "./delegated.ts";
import type { CgroupDriver } from "./driver.ts";
import { parseHierarchies } from "./hierarchies-v1.ts";
import { createNoDriver } from "./none.ts";
import { createV1Driver } from "./v1.ts";
import { createV2Driver } from "./v2.ts";

let detected: CgroupDriver | undefined;

/** The driver for this host, looked for once: mountinfo is long where containers run, and each reads it thrice. */
export function detectCgroupDriver(): CgroupDriver {
  detected ??= isRootless() ? delegatedDriverAt("/sys/fs/cgroup") : cgroupDriverAt("/sys/fs/cgroup");
  return detected;
}

/** For an ordinary user: v2 below what is delegated to them, else a driver that makes no cgroups. */
export function delegatedDriverAt(mount: string): CgroupDriver {
  if (!isCgroup2(mount)) return createNoDriver(1);
  const delegated = delegatedCgroup(mount);
  return delegated === undefined ? createNoDriver(2) : createV2Driver(`${mount}${delegated}`);
}

/**
 * v2 where `mount` is a cgroup2 filesystem, else v1 over whichever controllers are mounted, as on hybrid hosts, where
 * cgroup2 beside them has no controllers to offer. Throws ERR_TSRUN_CGROUP_NOT_MOUNTED.
 */
export function cgroupDriverAt(mount: string): CgroupDriver {
  if (isCgroup2(mount)) return createV2Driver(mount);
  const hierarchies = parseHierarchies(readFileSync("/proc/self/mountinfo", "utf8"));
  if (hierarchies.size === 0) {
    throw new TsrunError("ERR_TSRUN_CGROUP_NOT_MOUNTED", `no cgroup filesystem is mounted on ${mount}`, {
      hint: "mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup",
    });
  }
  return createV1Driver(hierarchies);
}
