/** A container's counters from its cgroup v1 directories (the kernel's Documentation/admin-guide/cgroup-v1/). */
import { readControlIfAny } from "../kernel/cgroupfs.ts";
import { parseCpuList } from "../runtime/plan/cpu-list.ts";
import type { BlkioCounter, BlkioEntry, MemoryEntry, OciStats } from "./stats.ts";
import {
  blkioEntry,
  counter,
  cpusetFields,
  hugePageSizes,
  keyedCounters,
  memoryEntry,
  NO_LIMIT,
  natural,
  nonZero,
} from "./stats-fields.ts";

/** Directory by controller. */
type Paths = Readonly<Record<string, string>>;

export function statsV1(paths: Paths): OciStats {
  return {
    cpu: cpuStats(paths),
    cpuset: cpusetStats(paths.cpuset),
    memory: memoryStats(paths.memory),
    pids: pidsStats(paths.pids),
    blkio: blkioStats(paths.blkio),
    hugetlb: hugetlbStats(paths.hugetlb),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** cpuacct.stat counts in USER_HZ, which is 100 on every architecture that Linux has today (time(7)). */
const NANOSECONDS_A_TICK = 10_000_000n;

function cpuStats({ cpu, cpuacct }: Paths): OciStats["cpu"] {
  const ticks = keyedCounters(cpuacct, "cpuacct.stat");
  const kernel = (ticks.system ?? 0n) * NANOSECONDS_A_TICK;
  const user = (ticks.user ?? 0n) * NANOSECONDS_A_TICK;
  // "cpu user system", and a line for each.
  const perCpu = fieldsOf(cpuacct, "cpuacct.usage_all").slice(1);
  const percpu = (fieldsOf(cpuacct, "cpuacct.usage_percpu")[0] ?? []).map(natural);
  const usage = {
    ...nonZero({ total: counter(cpuacct, "cpuacct.usage") }),
    ...(percpu.length > 0 && { percpu }),
    ...(perCpu.length > 0 && {
      percpu_kernel: perCpu.map(([, , system = ""]) => natural(system)),
      percpu_user: perCpu.map(([, inUser = ""]) => natural(inUser)),
    }),
    kernel,
    user,
  };
  const stat = keyedCounters(cpu, "cpu.stat");
  const throttling = nonZero({
    periods: stat.nr_periods,
    throttledPeriods: stat.nr_throttled,
    throttledTime: stat.throttled_time,
  });
  return nonZero({ usage, throttling });
}

function cpusetStats(cpuset: string | undefined): OciStats["cpuset"] {
  const list = (which: "cpus" | "mems"): number[] => {
    const text = cpuset === undefined ? undefined : readControlIfAny(`${cpuset}/cpuset.${which}`);
    return parseCpuList(text ?? "") ?? [];
  };
  // The level is the one field that can be negative: -1, the system's default.
  const level =
    cpuset === undefined ? undefined : readControlIfAny(`${cpuset}/cpuset.sched_relax_domain_level`);
  return cpusetFields({ cpus: list("cpus"), mems: list("mems") }, (name) =>
    name === "sched_relax_domain_level" ? BigInt(level ?? 0) : (counter(cpuset, `cpuset.${name}`) ?? 0n),
  );
}

function memoryStats(memory: string | undefined): OciStats["memory"] {
  const raw = keyedCounters(memory, "memory.stat");
  const entry = (name: string): MemoryEntry =>
    memoryEntry({
      limit: counter(memory, `${name}.limit_in_bytes`),
      usage: counter(memory, `${name}.usage_in_bytes`),
      max: counter(memory, `${name}.max_usage_in_bytes`),
      failcnt: counter(memory, `${name}.failcnt`),
    });
  return {
    ...nonZero({
      cache: raw.cache,
      usage: entry("memory"),
      swap: entry("memory.memsw"),
      kernel: entry("memory.kmem"),
      kernelTCP: entry("memory.kmem.tcp"),
    }),
    ...(Object.keys(raw).length > 0 && { raw }),
  };
}

function pidsStats(pids: string | undefined): OciStats["pids"] {
  const limit = counter(pids, "pids.max");
  return nonZero({ current: counter(pids, "pids.current"), limit: limit === NO_LIMIT ? 0n : limit });
}

/** By the scheduler that counts: each list is used as a whole where the kernel has its first file, and that something. */
const BLKIO_FILES: readonly (readonly [BlkioCounter, string][])[] = [
  all("blkio.bfq.", "blkio.bfq.time_recursive", "blkio.bfq.io_queued_recursive"),
  [
    ["ioServicedRecursive", "blkio.bfq.io_serviced_recursive"],
    ["ioServiceBytesRecursive", "blkio.bfq.io_service_bytes_recursive"],
  ],
  all("blkio.", "blkio.time_recursive", "blkio.io_queued_recursive"),
  [
    ["ioServicedRecursive", "blkio.throttle.io_serviced_recursive"],
    ["ioServiceBytesRecursive", "blkio.throttle.io_service_bytes_recursive"],
  ],
  [
    ["ioServicedRecursive", "blkio.throttle.io_serviced"],
    ["ioServiceBytesRecursive", "blkio.throttle.io_service_bytes"],
  ],
];

function all(prefix: string, time: string, queued: string): [BlkioCounter, string][] {
  return [
    ["sectorsRecursive", `${prefix}sectors_recursive`],
    ["ioServiceTimeRecursive", `${prefix}io_service_time_recursive`],
    ["ioWaitTimeRecursive", `${prefix}io_wait_time_recursive`],
    ["ioMergedRecursive", `${prefix}io_merged_recursive`],
    ["ioQueueRecursive", queued],
    ["ioTimeRecursive", time],
    ["ioServicedRecursive", `${prefix}io_serviced_recursive`],
    ["ioServiceBytesRecursive", `${prefix}io_service_bytes_recursive`],
  ];
}

function blkioStats(blkio: string | undefined): OciStats["blkio"] {
  const counting = BLKIO_FILES.find(
    ([first]) => first !== undefined && blkioEntries(blkio, first[1]).length > 0,
  );
  return Object.fromEntries(
    (counting ?? []).flatMap(([field, file]) => {
      const entries = blkioEntries(blkio, file);
      return entries.length > 0 ? [[field, entries]] : [];
    }),
  );
}

/** "8:0 Read 4096", "8:0 4096"; the line "Total 4096" is left out. */
function blkioEntries(blkio: string | undefined, file: string): BlkioEntry[] {
  return fieldsOf(blkio, file).flatMap(([device = "", ...rest]) => {
    const [major, minor] = device.split(":");
    const value = rest.at(-1);
    if (major === undefined || minor === undefined || value === undefined) return [];
    const op = rest.length > 1 ? (rest[0] ?? "") : "";
    return [blkioEntry({ major: natural(major), minor: natural(minor), op, value: natural(value) })];
  });
}

function hugetlbStats(hugetlb: string | undefined): OciStats["hugetlb"] {
  return Object.fromEntries(
    hugePageSizes().flatMap((size) => {
      const rsvd = counter(hugetlb, `hugetlb.${size}.rsvd.usage_in_bytes`) === undefined ? "" : ".rsvd";
      const of = (name: string) => counter(hugetlb, `hugetlb.${size}${rsvd}.${name}`);
      const usage = of("usage_in_bytes");
      if (usage === undefined) return [];
      return [[size, { ...nonZero({ usage, max: of("max_usage_in_bytes") }), failcnt: of("failcnt") ?? 0n }]];
    }),
  );
}

/** The words of each line. */
function fieldsOf(directory: string | undefined, file: string): string[][] {
  const text = directory === undefined ? undefined : readControlIfAny(`${directory}/${file}`);
  return (text ?? "")
    .split("\n")
    .map((line) => line.split(/\s+/).filter(Boolean))
    .filter((fields) => fields.length > 0);
}
