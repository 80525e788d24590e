/** A line of `stats`: docker's fields, from two samples of a container's counters. */
import type { StatsSample } from "../../engine/api.ts";
import type { ListFormat } from "./rows.ts";
import { binarySize, humanSize } from "./size.ts";
import { shortId } from "./table.ts";

export interface StatsRow {
  BlockIO: string;
  CPUPerc: string;
  Container: string;
  ID: string;
  MemPerc: string;
  MemUsage: string;
  Name: string;
  NetIO: string;
  PIDs: string;
}

export const statsList: ListFormat<StatsRow> = {
  headings: {
    BlockIO: "BLOCK I/O",
    CPUPerc: "CPU %",
    Container: "CONTAINER",
    ID: "CONTAINER ID",
    MemPerc: "MEM %",
    MemUsage: "MEM USAGE / LIMIT",
    Name: "NAME",
    NetIO: "NET I/O",
    PIDs: "PIDS",
  },
  columns: ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"],
};

export interface Watched {
  /** As it was asked for. */
  container: string;
  sample: StatsSample;
  /** The sample before, of which there is none when it has just appeared. */
  previous: StatsSample | undefined;
  /** It has been removed: there is nothing to say but its name. */
  gone: boolean;
}

export function statsRow({ container, sample, previous, gone }: Watched, truncate: boolean): StatsRow {
  const identity = {
    Container: container,
    ID: truncate ? shortId(sample.id) : sample.id,
    Name: sample.name,
  };
  if (gone) {
    const none = "--";
    const nothing = { BlockIO: none, CPUPerc: none, MemPerc: none, NetIO: none, PIDs: none };
    return { ...identity, ...nothing, MemUsage: "-- / --" };
  }
  const { memory, network, block, pids } = sample;
  const used = memoryInUse(memory);
  return {
    ...identity,
    BlockIO: `${humanSize(block.readBytes ?? 0)} / ${humanSize(block.writtenBytes ?? 0)}`,
    CPUPerc: percent(processorShare(sample, previous)),
    MemPerc: percent(memory.limitBytes === 0 ? 0 : used / memory.limitBytes),
    MemUsage: `${binarySize(used)} / ${binarySize(memory.limitBytes)}`,
    NetIO: `${humanSize(network?.receivedBytes ?? 0)} / ${humanSize(network?.sentBytes ?? 0)}`,
    PIDs: String(pids ?? 0),
  };
}

/** Without the file cache that the kernel takes back first, which may be more than what is counted as used. */
function memoryInUse({ usedBytes = 0, inactiveFileBytes = 0 }: StatsSample["memory"]): number {
  return inactiveFileBytes < usedBytes ? usedBytes - inactiveFileBytes : usedBytes;
}

/** Of one processor: 2 where two were busy all the time. A restart begins to count anew. */
function processorShare(sample: StatsSample, previous: StatsSample | undefined): number {
  if (previous?.cpuNanoseconds === undefined || sample.cpuNanoseconds === undefined) return 0;
  const used = sample.cpuNanoseconds - previous.cpuNanoseconds;
  const passed = sample.clockNanoseconds - previous.clockNanoseconds;
  return used > 0 && passed > 0 ? used / passed : 0;
}

const percent = (share: number): string => `${(share * 100).toFixed(2)}%`;
