/**
 * What a container has used so far, as counters: whoever wants rates takes two samples and divides what was used
 * between them by the time between them. Nothing here waits, and a container that does not run has used nothing.
 */
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import type { CgroupStats } from "../runtime/cgroup/driver.ts";
import type { EngineContext } from "./context.ts";
import { sharesHostNetwork } from "./network-mode.ts";
import { statsByProcess } from "./processes.ts";
import { resolveContainer } from "./records.ts";
import { readState } from "./state.ts";
import type { ContainerRecord } from "./types.ts";

/** Counters of one container. A field is undefined where the kernel does not account for it. */
export interface StatsSample {
  id: string;
  name: string;
  /** When it was taken, in nanoseconds of a clock that only goes forward, for differences between samples. */
  clockNanoseconds: number;
  /** Processor time used by all of its processes, since its start. */
  cpuNanoseconds: number | undefined;
  memory: {
    usedBytes: number | undefined;
    /** The part of it that is file cache which the kernel takes back first. */
    inactiveFileBytes: number | undefined;
    /** The host's memory where the container has no limit of its own; 0 where the container does not run. */
    limitBytes: number;
  };
  /** All interfaces but the loopback one; undefined where it shares the host's network. */
  network: NetworkCounters | undefined;
  block: { readBytes: number | undefined; writtenBytes: number | undefined };
  /** Processes and threads. */
  pids: number | undefined;
  pidsLimit: number | undefined;
}

export interface NetworkCounters {
  receivedBytes: number;
  sentBytes: number;
}

/** The counters of one container now; ERR_TSRUN_CONTAINER_NOT_FOUND. */
export function containerStats({ paths }: EngineContext, reference: string): StatsSample {
  const record = resolveContainer(paths, reference);
  const { pid } = readState(paths, record.id);
  return pid === 0 ? idle(record) : sample(record, pid);
}

function sample(record: ContainerRecord, pid: number): StatsSample {
  const cgroup = detectCgroupDriver().open(record.cgroupPath);
  const used = cgroup.directories.length > 0 ? cgroup.stats() : statsByProcess(pid);
  return {
    ...identity(record),
    cpuNanoseconds: used.cpuNanoseconds,
    memory: {
      usedBytes: used.memoryBytes,
      inactiveFileBytes: used.memoryInactiveFileBytes,
      limitBytes: memoryLimit(used),
    },
    network: sharesHostNetwork(record.options) ? undefined : networkCounters(pid),
    block: { readBytes: used.blockReadBytes, writtenBytes: used.blockWriteBytes },
    pids: used.pids,
    pidsLimit: used.pidsLimit,
  };
}

function idle(record: ContainerRecord): StatsSample {
  return {
    ...identity(record),
    cpuNanoseconds: undefined,
    memory: { usedBytes: undefined, inactiveFileBytes: undefined, limitBytes: 0 },
    network: undefined,
    block: { readBytes: undefined, writtenBytes: undefined },
    pids: undefined,
    pidsLimit: undefined,
  };
}

const identity = ({ id, name }: ContainerRecord) => ({
  id,
  name,
  clockNanoseconds: Number(process.hrtime.bigint()),
});

/** A limit beyond the host's memory is none. */
function memoryLimit({ memoryLimitBytes = Number.POSITIVE_INFINITY }: CgroupStats): number {
  return Math.min(memoryLimitBytes, totalmem());
}

/** From a process's view of its own network (proc_pid_net(5)); undefined where it has ended meanwhile. */
function networkCounters(pid: number): NetworkCounters | undefined {
  try {
    return parseNetDev(readFileSync(`/proc/${pid}/net/dev`, "latin1"));
  } catch (error) {
    // EINVAL: of a process that has ended and was not waited for yet, the namespace is gone.
    if (["ENOENT", "ESRCH", "EINVAL"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** Sums /proc/net/dev: after an interface's name eight columns of what it received, and eight of what it sent. */
export function parseNetDev(text: string): NetworkCounters {
  const sum: NetworkCounters = { receivedBytes: 0, sentBytes: 0 };
  for (const line of text.split("\n")) {
    const [, name, columns = ""] = /^\s*([^:]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || name === "lo") continue;
    const numbers = columns.trim().split(/\s+/).map(Number);
    sum.receivedBytes += numbers[0] ?? 0;
    sum.sentBytes += numbers[8] ?? 0;
  }
  return sum;
}
