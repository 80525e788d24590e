/** A container's counters from its cgroup v2 directory (the kernel's Documentation/admin-guide/cgroup-v2.rst). */
import { readControl, readControlIfAny } from "../kernel/cgroupfs.ts";
import { SyscallError } from "../kernel/errors.ts";
import type { BlkioCounter, BlkioEntry, MemoryEntry, OciStats, Pressure, PressureOf } from "./stats.ts";
import {
  blkioEntry,
  counter,
  cpusetFields,
  hugePageSizes,
  isZero,
  keyedCounters,
  memoryEntry,
  NO_LIMIT,
  natural,
  nonZero,
} from "./stats-fields.ts";

export function statsV2(directory: string): OciStats {
  return {
    cpu: cpuStats(directory),
    cpuset: cpusetFields({ cpus: [], mems: [] }, () => 0n),
    memory: memoryStats(directory),
    pids: pidsStats(directory),
    blkio: blkioStats(directory),
    hugetlb: hugetlbStats(directory),
    intel_rdt: {},
    network_interfaces: null,
  };
}

function cpuStats(directory: string): OciStats["cpu"] {
  const stat = keyedCounters(directory, "cpu.stat");
  const nanoseconds = (key: string): bigint => (stat[key] ?? 0n) * 1000n;
  const kernel = nanoseconds("system_usec");
  const user = nanoseconds("user_usec");
  const usage = { ...nonZero({ total: nanoseconds("usage_usec") }), kernel, user };
  const throttling = nonZero({
    periods: stat.nr_periods,
    throttledPeriods: stat.nr_throttled,
    throttledTime: nanoseconds("throttled_usec"),
  });
  return { ...nonZero({ usage, throttling }), ...pressure(directory, "cpu.pressure") };
}

function memoryStats(directory: string): OciStats["memory"] {
  const raw = keyedCounters(directory, "memory.stat");
  const [current = 0n, limit = 0n, peak] = ["current", "max", "peak"].map((name) =>
    counter(directory, `memory.${name}`),
  );
  const usage = memoryEntry({ limit, usage: current, max: peak });
  return {
    ...nonZero({ cache: raw.file, usage, swap: swapEntry(directory, { current, limit }) }),
    ...(Object.keys(raw).length > 0 && { raw }),
    ...pressure(directory, "memory.pressure"),
  };
}

/** v2 counts swap apart; the form has memory plus swap, as v1 counts. */
function swapEntry(directory: string, memory: { current: bigint; limit: bigint }): MemoryEntry {
  const usage = (counter(directory, "memory.swap.current") ?? 0n) + memory.current;
  const limit = (counter(directory, "memory.swap.max") ?? 0n) + memory.limit;
  return memoryEntry({ usage, limit: limit > NO_LIMIT ? NO_LIMIT : limit });
}

/** Without the controller the processes of the cgroup itself are counted. */
function pidsStats(directory: string): OciStats["pids"] {
  const current = counter(directory, "pids.current");
  if (current === undefined) {
    const own = readControl(`${directory}/cgroup.procs`).split("\n").filter(Boolean);
    return nonZero({ current: BigInt(own.length) });
  }
  const limit = counter(directory, "pids.max");
  return nonZero({ current, limit: limit === NO_LIMIT ? 0n : limit });
}

/** io.stat's keys in the names of v1. */
const IO_KEYS: Readonly<Record<string, { field: BlkioCounter; op: string }>> = {
  rbytes: { field: "ioServiceBytesRecursive", op: "Read" },
  wbytes: { field: "ioServiceBytesRecursive", op: "Write" },
  rios: { field: "ioServicedRecursive", op: "Read" },
  wios: { field: "ioServicedRecursive", op: "Write" },
};

function blkioStats(directory: string): OciStats["blkio"] {
  const entries: Partial<Record<BlkioCounter, BlkioEntry[]>> = {};
  // "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0"
  for (const line of readControlIfAny(`${directory}/io.stat`)?.split("\n") ?? []) {
    const [device = "", ...values] = line.split(" ");
    const [major, minor] = device.split(":");
    if (major === undefined || minor === undefined) continue;
    for (const item of values) {
      const [key = "", value = ""] = item.split("=");
      const { field, op } = IO_KEYS[key] ?? {};
      if (field === undefined || op === undefined) continue;
      entries[field] ??= [];
      const entry = { major: natural(major), minor: natural(minor), op, value: natural(value) };
      entries[field].push(blkioEntry(entry));
    }
  }
  return { ...entries, ...pressure(directory, "io.pressure") };
}

function hugetlbStats(directory: string): OciStats["hugetlb"] {
  return Object.fromEntries(
    hugePageSizes().flatMap((size) => {
      const usage =
        counter(directory, `hugetlb.${size}.rsvd.current`) ?? counter(directory, `hugetlb.${size}.current`);
      if (usage === undefined) return [];
      const failcnt = keyedCounters(directory, `hugetlb.${size}.events`).max ?? 0n;
      return [[size, { ...nonZero({ usage }), failcnt }]];
    }),
  );
}

/** {psi}, or nothing where the kernel does not count it: not built in, or not switched on (EOPNOTSUPP). */
function pressure(directory: string, file: string): { psi?: Pressure } {
  const text = pressureText(`${directory}/${file}`);
  if (text === undefined) return {};
  const psi: Pressure = {};
  for (const line of text.split("\n")) {
    const [kind, ...values] = line.split(" ");
    if (kind === "some" || kind === "full") {
      const of = pressureOf(values);
      if (!isZero(of)) psi[kind] = of;
    }
  }
  return { psi };
}

function pressureText(file: string): string | undefined {
  try {
    return readControlIfAny(file);
  } catch (error) {
    if (error instanceof SyscallError && error.code === "EOPNOTSUPP") return undefined;
    throw error;
  }
}

/** "avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
function pressureOf(values: readonly string[]): PressureOf {
  const fields = Object.fromEntries(values.map((value) => value.split("=", 2)));
  return {
    avg10: Number(fields.avg10),
    avg60: Number(fields.avg60),
    avg300: Number(fields.avg300),
    total: natural(fields.total ?? ""),
  };
}
