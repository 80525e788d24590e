/** The processes of a container, and what they use, where it may have no cgroup of its own to ask (cgroup/none.ts). */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import type { CgroupStats } from "../runtime/cgroup/driver.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

/** Nanoseconds of a clock tick: USER_HZ is 100 on every architecture that tsrun runs on (proc_pid_stat(5)). */
const TICK_NANOSECONDS = 10_000_000;
const PAGE_BYTES = 4096;

/** Process ids as this pid namespace sees them. */
export function processesOf(record: ContainerRecord, state: ContainerState): number[] {
  const cgroup = detectCgroupDriver().open(record.cgroupPath);
  return cgroup.directories.length > 0 ? cgroup.pids() : membersOf(state.pid);
}

/** Those in the pid namespace of a container's first process. */
function membersOf(pid: number): number[] {
  const namespace = namespaceOf(pid);
  if (namespace === undefined) return [];
  return readdirSync("/proc")
    .map(Number)
    .filter((each) => each > 0 && namespaceOf(each) === namespace);
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // gone, or somebody else's
  }
}

/** What can be told of processes one by one: memory that several share is counted once for each. */
export function statsByProcess(pid: number): CgroupStats {
  const pids = membersOf(pid);
  let ticks = 0;
  let pages = 0;
  for (const each of pids) {
    try {
      const stat = readFileSync(`/proc/${each}/stat`, "latin1");
      const fields = stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .map(Number);
      // utime, stime and those of children that were waited for: fields 14 to 17; rss: field 24.
      ticks += fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
      pages += fields[21] ?? 0;
    } catch {
      // It has ended meanwhile.
    }
  }
  return {
    cpuNanoseconds: ticks * TICK_NANOSECONDS,
    memoryBytes: pages * PAGE_BYTES,
    memoryInactiveFileBytes: 0,
    memoryLimitBytes: undefined,
    pids: pids.length,
    pidsLimit: undefined,
    blockReadBytes: undefined,
    blockWriteBytes: undefined,
    oomKills: undefined,
  };
}
