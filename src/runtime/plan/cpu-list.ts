/** CPU lists as cpuset(7) writes them: "0-3,7". */

/** As many as the kernel can be built for (CONFIG_NR_CPUS of x86_64); those that are not there do not matter. */
const MOST_CPUS = 8192;

/** The numbers in a list; undefined where it is none. */
export function parseCpuList(list: string): number[] | undefined {
  const cpus: number[] = [];
  for (const part of list.split(",")) {
    const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part);
    if (match === null) return undefined;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (last < first || last >= MOST_CPUS) return undefined;
    for (let cpu = first; cpu <= last; cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** As many memory nodes as the kernel can be built for (CONFIG_NODES_SHIFT). */
const MOST_NODES = 1024;

/** The mask of a list of memory nodes for set_mempolicy(2); throws RangeError for what is no list. */
export function nodeMask(list: string): Uint8Array {
  return cpuMask(list).slice(0, MOST_NODES / 8);
}

/** The mask of a list for sched_setaffinity(2), or of all CPUs; throws RangeError for what is no list. */
export function cpuMask(list: string | null): Uint8Array {
  const mask = new Uint8Array(MOST_CPUS / 8);
  if (list === null) return mask.fill(0xff);
  const cpus = parseCpuList(list);
  if (cpus === undefined) throw new RangeError(`no list of CPUs: ${list}`);
  for (const cpu of cpus) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  return mask;
}

/** A list as one number, "0x5" for "0,2"; throws RangeError for what is no list. */
export const hexMask = (list: string): string =>
  `0x${Buffer.from(cpuMask(list))
    .reverse()
    .toString("hex")
    .replace(/^0+(?=.)/, "")}`;
