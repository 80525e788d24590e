/** Reading counters of control files, and leaving out what is zero. */
import { readdirSync } from "node:fs";
import { readControlIfAny } from "../kernel/cgroupfs.ts";
import type { BlkioEntry, MemoryEntry } from "./stats.ts";

/** What "max" is among numbers of 64 bits. */
export const NO_LIMIT = 2n ** 64n - 1n;

/** The number in a control file, "max" being the largest; undefined where there is no such file. */
export function counter(directory: string | undefined, file: string): bigint | undefined {
  const text = directory === undefined ? undefined : readControlIfAny(`${directory}/${file}`);
  if (text === undefined || text === "") return undefined;
  return text === "max" ? NO_LIMIT : natural(text);
}

/** Kernels have told negative numbers where small ones were meant. */
export const natural = (text: string): bigint => (/^\d+$/.test(text) ? BigInt(text) : 0n);

/** A flat keyed file: "key number" on each line. */
export function keyedCounters(directory: string | undefined, file: string): Record<string, bigint> {
  const text = directory === undefined ? undefined : readControlIfAny(`${directory}/${file}`);
  return Object.fromEntries(
    (text ?? "").split("\n").flatMap((line) => {
      const [key = "", value] = line.split(" ");
      return value === undefined ? [] : [[key, natural(value)]];
    }),
  );
}

/** Without the fields that are zero, empty or undefined. */
export function nonZero<T extends object>(fields: T): Partial<{ [K in keyof T]: NonNullable<T[K]> }> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isZero(value))) as never;
}

/** Also of what consists of nothing else. */
export function isZero(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.values(value).every(isZero);
  return value === undefined || value === 0n || value === 0 || value === "";
}

export const memoryEntry = ({
  limit = 0n,
  usage = 0n,
  max = 0n,
  failcnt = 0n,
}: {
  [K in keyof MemoryEntry]?: bigint | undefined;
}): MemoryEntry => ({ limit, ...nonZero({ usage, max }), failcnt });

export const blkioEntry = (entry: Required<BlkioEntry>): BlkioEntry => nonZero(entry);

/** The sizes of huge pages as cgroup files are named after them: "2MB". */
export function hugePageSizes(): string[] {
  try {
    return readdirSync("/sys/kernel/mm/hugepages").flatMap((name) => {
      const kilobytes = /^hugepages-(\d+)kB$/.exec(name)?.[1];
      return kilobytes === undefined ? [] : [sizeName(Number(kilobytes))];
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function sizeName(kilobytes: number): string {
  if (kilobytes >= 2 ** 20) return `${Math.floor(kilobytes / 2 ** 20)}GB`;
  if (kilobytes >= 2 ** 10) return `${Math.floor(kilobytes / 2 ** 10)}MB`;
  return `${kilobytes}KB`;
}

/** The fields of a cpuset, which v2 does not have, in their order. */
export const CPUSET_FIELDS = [
  "cpu_exclusive",
  "mem_hardwall",
  "mem_exclusive",
  "memory_migrate",
  "memory_spread_page",
  "memory_spread_slab",
  "memory_pressure",
  "sched_load_balance",
  "sched_relax_domain_level",
] as const;

/** `lists` are those of CPUs and nodes, absent where empty. */
export function cpusetFields(
  lists: { cpus: number[]; mems: number[] },
  field: (name: (typeof CPUSET_FIELDS)[number]) => bigint,
): Record<string, bigint | number[]> {
  const { cpus, mems } = lists;
  const [exclusive, ...rest] = CPUSET_FIELDS;
  return {
    ...(cpus.length > 0 && { cpus }),
    [exclusive]: field(exclusive),
    ...(mems.length > 0 && { mems }),
    ...Object.fromEntries(rest.map((name) => [name, field(name)])),
  };
}
