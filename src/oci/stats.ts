/**
 * What a container uses, in the form in which OCI runtimes tell it (`events --stats`): field names and their order are
 * runc's, of which engines read the JSON. Numbers are of 64 bits, and "no limit" is the largest of them.
 */
import type { CgroupLocation } from "./cgroup-location.ts";
import { cgroupPaths } from "./cgroup-location.ts";
import { statsV1 } from "./stats-v1.ts";
import { statsV2 } from "./stats-v2.ts";

/** Fields that may be absent are so where their value is zero, or where the kernel does not count it. */
export interface OciStats {
  cpu: {
    /** Nanoseconds. */
    usage?: CpuUsage;
    throttling?: { periods?: bigint; throttledPeriods?: bigint; throttledTime?: bigint };
    psi?: Pressure;
  };
  cpuset: Record<string, bigint | number[]>;
  memory: {
    cache?: bigint;
    usage?: MemoryEntry;
    /** Memory plus swap. */
    swap?: MemoryEntry;
    kernel?: MemoryEntry;
    kernelTCP?: MemoryEntry;
    /** memory.stat as it is. */
    raw?: Record<string, bigint>;
    psi?: Pressure;
  };
  pids: { current?: bigint; limit?: bigint };
  blkio: Partial<Record<BlkioCounter, BlkioEntry[]>> & { psi?: Pressure };
  /** By page size, "2MB". */
  hugetlb: Record<string, { usage?: bigint; max?: bigint; failcnt: bigint }>;
  intel_rdt: Record<string, never>;
  network_interfaces: null;
}

export interface CpuUsage {
  total?: bigint;
  percpu?: bigint[];
  percpu_kernel?: bigint[];
  percpu_user?: bigint[];
  kernel: bigint;
  user: bigint;
}

export interface MemoryEntry {
  limit: bigint;
  usage?: bigint;
  max?: bigint;
  failcnt: bigint;
}

export type BlkioCounter =
  | "ioServiceBytesRecursive"
  | "ioServicedRecursive"
  | "ioQueueRecursive"
  | "ioServiceTimeRecursive"
  | "ioWaitTimeRecursive"
  | "ioMergedRecursive"
  | "ioTimeRecursive"
  | "sectorsRecursive";

export interface BlkioEntry {
  major?: bigint;
  minor?: bigint;
  op?: string;
  value?: bigint;
}

/** Pressure stall information (Documentation/accounting/psi.rst): percent of the time, and microseconds. */
export interface Pressure {
  some?: PressureOf;
  full?: PressureOf;
}

export interface PressureOf {
  avg10: number;
  avg60: number;
  avg300: number;
  total: bigint;
}

/** Throws SyscallError where the cgroup is gone in the middle. */
export function readStats(location: CgroupLocation): OciStats {
  const paths = cgroupPaths(location);
  return location.version === 2 ? statsV2(paths[""] ?? "") : statsV1(paths);
}
