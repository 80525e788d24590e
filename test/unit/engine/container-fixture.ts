/** A data directory of its own with containers that were only ever written down. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, loadConfig } from "../../../src/config.ts";
import type { EngineContext } from "../../../src/engine/context.ts";
import { writeRecord } from "../../../src/engine/records.ts";
import { statePath } from "../../../src/engine/state.ts";
import type { ContainerRecord, ContainerState } from "../../../src/engine/types.ts";
import { writeDocument } from "../../../src/store/documents.ts";
import { claimName } from "../../../src/store/names.ts";
import { containerDir } from "../../../src/store/paths.ts";

export interface World extends Disposable {
  context: EngineContext;
  directory: string;
}

/** The configuration of a user who has none. */
export function defaultConfig(): Config {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-config-"));
  try {
    const file = join(directory, "config.json");
    writeFileSync(file, "{}");
    return loadConfig({ TSRUN_CONFIG: file, HOME: directory });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export function openWorld(): World {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-engine-"));
  const paths = { root: join(directory, "root"), run: join(directory, "run") };
  return {
    directory,
    context: { paths, config: defaultConfig(), reaper: () => [], reviver: () => [], resolver: () => [] },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

export const idOf = (digits: string): string => digits.padEnd(64, "0");

export function recordOf(digits: string, more: Partial<ContainerRecord> = {}): ContainerRecord {
  const id = idOf(digits);
  return {
    version: 1,
    id,
    name: `name-${digits}`,
    createdAt: "2026-01-31T12:00:00.000Z",
    image: "alpine",
    imageId: "sha256:aa",
    layers: [],
    path: "sh",
    args: [],
    env: [],
    workdir: "/",
    hostname: digits,
    stopSignal: "SIGTERM",
    stopTimeout: 10,
    labels: {},
    logDriver: "json-file",
    logMaxSize: 1000,
    logMaxFiles: 3,
    cgroupPath: `/tsrun-unit-${process.pid}/${id}`,
    options: { image: "alpine" },
    imageConfig: {},
    ...more,
  };
}

/** Writes a container down as `create` leaves it. */
export function addContainer(
  { context }: World,
  digits: string,
  more: Partial<ContainerRecord> = {},
): ContainerRecord {
  const record = recordOf(digits, more);
  mkdirSync(join(containerDir(context.paths, record.id), "upper"), { recursive: true });
  claimName(context.paths, record.name, record.id);
  writeRecord(context.paths, record);
  return record;
}

export const RUNNING: ContainerState = {
  status: "running",
  pid: 0,
  startTicks: 0,
  monitorPid: 1,
  exitCode: 0,
  oomKilled: false,
  restartCount: 0,
  error: "",
  startedAt: "2026-01-31T12:00:00.000000001Z",
  finishedAt: "",
};
export const EXITED: ContainerState = {
  ...RUNNING,
  status: "exited",
  exitCode: 3,
  finishedAt: "2026-01-31T12:00:01.000000001Z",
};

/** The state of a container whose process is this one: as alive as can be. */
export function runningHere(): ContainerState {
  const stat = readFileSync("/proc/self/stat", "latin1");
  const startTicks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  return { ...RUNNING, pid: process.pid, startTicks };
}

/** The state of one whose process has ended, and whose number another has by now. */
export const runningNoMore = (): ContainerState => ({
  ...runningHere(),
  startTicks: runningHere().startTicks - 1,
});

export function putState({ context }: World, record: ContainerRecord, state: ContainerState): void {
  writeDocument(statePath(context.paths, record.id), state, { durable: false });
}
