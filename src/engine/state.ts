/**
 * The truth about a container. Its state document is written by its monitor; a monitor that was killed, or a machine
 * that lost power, leaves one that still says "running". So what the document says is held against the process.
 */
import { join } from "node:path";
import { processStartTicks } from "../kernel/process.ts";
import { readDocument, writeDocument } from "../store/documents.ts";
import { containerDir, type Paths } from "../store/paths.ts";
import { isOwned } from "./ownership.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

const CREATED: ContainerState = {
  status: "created",
  pid: 0,
  startTicks: 0,
  monitorPid: 0,
  exitCode: 0,
  oomKilled: false,
  restartCount: 0,
  error: "",
  startedAt: "",
  finishedAt: "",
};

/** 128 + SIGKILL: a container whose monitor is gone was killed with it, or by the machine's end. */
const KILLED = 137;

export const statePath = (paths: Paths, id: string): string => join(containerDir(paths, id), "state.json");

/**
 * The state as it is, whatever the document says. `owner`: the caller holds the container's lock, so that no monitor
 * can be about to write the end of a process that is gone.
 */
export function readState(paths: Paths, id: string, options: { owner?: boolean } = {}): ContainerState {
  const written = readDocument<ContainerState>(statePath(paths, id)) ?? CREATED;
  if (!isUnfinished(written)) return written;
  if (isRunning(written)) return written;
  if (!options.owner && isOwned(paths, id)) return concludeFrom(paths, id, written);
  // Nobody will write it any more, unless it was just being written.
  const latest = readDocument<ContainerState>(statePath(paths, id)) ?? CREATED;
  if (!isUnfinished(latest)) return latest;
  return isRunning(latest) ? latest : lostState(latest);
}

/** What its document says, true or not; of use to the container's owner. */
export function readWrittenState(paths: Paths, id: string): ContainerState {
  return readDocument<ContainerState>(statePath(paths, id)) ?? CREATED;
}

/** Whether somebody is still to write how it went on: the monitor of a container that runs or is to run again. */
export function isUnfinished({ status }: ContainerState): boolean {
  return status === "running" || status === "restarting";
}

/** Whether the very process that the state names is alive: its start time tells it from a later one of that number. */
export function isRunning(state: ContainerState): boolean {
  return state.pid > 0 && processStartTicks(state.pid) === state.startTicks;
}

/** Writes down a state that no monitor will: of a container that did not start, or whose monitor was killed. */
export function writeState(paths: Paths, record: ContainerRecord, state: ContainerState): void {
  writeDocument(statePath(paths, record.id), state, { durable: !record.options.autoRemove, mode: 0o600 });
}

export function startFailedState(error: string, exitCode: number): ContainerState {
  return { ...CREATED, error, exitCode };
}

/** What is left to say of a container that ran, or was to run again, until something outside ended it. */
export function lostState(unfinished: ContainerState): ContainerState {
  if (unfinished.status === "restarting") {
    const error = "what was to start the container again was killed, or the machine went down";
    return { ...unfinished, status: "exited", pid: 0, restartDelay: 0, error };
  }
  return {
    ...unfinished,
    status: "exited",
    pid: 0,
    exitCode: KILLED,
    error: "the monitor process was killed or the machine went down: the exit status is lost",
    finishedAt: new Date().toISOString(),
  };
}

/** The process is gone, its monitor is about to say how, or waits to start it again. */
function concludeFrom(paths: Paths, id: string, unfinished: ContainerState): ContainerState {
  return readDocument<ContainerState>(statePath(paths, id)) ?? unfinished;
}
