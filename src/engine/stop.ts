/** stop and kill: signals to a container's first process, and waiting for its end. */
import { closeSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { monotonic } from "../kernel/clock.ts";
import { SyscallError } from "../kernel/errors.ts";
import { pidfdOpen, pidfdSendSignal } from "../kernel/process.ts";
import { sleep } from "../kernel/sleep.ts";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import { connectMonitor, type MonitorClient } from "../runtime/monitor-client.ts";
import { containerRunDir } from "../store/paths.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { thawIfPaused } from "./pause.ts";
import { resolveContainer } from "./records.ts";
import { settle, until } from "./settle.ts";
import { parseSignal } from "./signals.ts";
import { isRunning, readState } from "./state.ts";
import { markStopped, type Stopper } from "./stop-mark.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

const SIGKILL = 9;
/** After SIGKILL only the kernel can take its time: a process in uninterruptible sleep, an overlay being unmounted. */
const KILL_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

export interface StopRequest {
  /** Seconds before SIGKILL, -1 for ever; the container's own by default. */
  timeout?: number;
  /** The container's own by default. */
  signal?: string;
}

/** Stop signal, then SIGKILL after the timeout. A container that does not run is no error. */
export async function stopContainer(
  context: EngineContext,
  reference: string,
  options: StopRequest = {},
): Promise<void> {
  await endContainer(context, resolveContainer(context.paths, reference), { ...options, by: "user" });
}

/** Ends what runs, or waits to run again, and keeps its restart policy from answering. */
export async function endContainer(
  context: EngineContext,
  record: ContainerRecord,
  { by, timeout = record.stopTimeout, signal = record.stopSignal }: StopRequest & { by: Stopper },
): Promise<void> {
  const number = parseSignal(signal);
  const timeoutMs = timeout < 0 ? Number.POSITIVE_INFINITY : timeout * 1000;
  for (;;) {
    const state = readState(context.paths, record.id);
    if (state.status === "restarting") {
      await cancelRestart(context, record, by);
      continue; // it may have been started at that very moment
    }
    if (state.status !== "running") return;
    markStopped(context.paths, record, by);
    if (!signalInit(state, number, () => recordKill(context, record, number))) {
      await settle(context.paths, record, state);
      continue;
    }
    await thawIfPaused(record);
    if (!(await waitForEnd(context, record, { state, timeoutMs }))) await forceEnd(context, record, state);
    recordEvent(context, containerEvent(record, "stop"));
    return;
  }
}

/** Sends a signal; ERR_TSRUN_CONTAINER_NOT_RUNNING where nothing runs. SIGKILL is waited for. */
export async function killContainer(
  context: EngineContext,
  reference: string,
  signal = "SIGKILL",
): Promise<void> {
  const record = resolveContainer(context.paths, reference);
  const number = parseSignal(signal);
  const state = readState(context.paths, record.id);
  // A signal that stops the container is no reason to start it again; others are the program's own affair.
  const stops = number === SIGKILL || number === parseSignal(record.stopSignal);
  if (state.status === "restarting" && stops) return cancelRestart(context, record, "user");
  if (state.status === "running" && stops) markStopped(context.paths, record, "user");
  const onSend = (): void => recordKill(context, record, number);
  if (state.status !== "running" || !signalInit(state, number, onSend)) {
    const { status } = await settle(context.paths, record, state);
    throw new TsrunError(
      "ERR_TSRUN_CONTAINER_NOT_RUNNING",
      `cannot kill container: ${reference}: container ${record.id} is not running`,
      { hint: `it is ${status}` },
    );
  }
  if (number === SIGKILL) await waitForKilled(context, record, state);
  else if (number === parseSignal(record.stopSignal)) await thawIfPaused(record);
}

/** Kills every process of the container and waits until it has ended; ERR_TSRUN_KILL_TIMEOUT if it does not. */
export async function forceEnd(
  context: EngineContext,
  record: ContainerRecord,
  state: ContainerState,
): Promise<void> {
  signalInit(state, SIGKILL, () => recordKill(context, record, SIGKILL));
  await waitForKilled(context, record, state);
}

/** After SIGKILL to its first process. */
async function waitForKilled(
  context: EngineContext,
  record: ContainerRecord,
  state: ContainerState,
): Promise<void> {
  await thawIfPaused(record);
  if (await waitForEnd(context, record, { state, timeoutMs: 1000 })) return;
  detectCgroupDriver().open(record.cgroupPath).kill();
  await thawIfPaused(record); // by somebody who came in between
  // What was killed with its pid namespace is waited for by its init, and cannot go while it is frozen (cgroup v1).
  await (await import("./joining.ts")).thawJoining(context.paths, record.id);
  if (await waitForEnd(context, record, { state, timeoutMs: KILL_TIMEOUT_MS })) return;
  throw new TsrunError("ERR_TSRUN_KILL_TIMEOUT", `container ${record.name} does not end after SIGKILL`, {
    hint: `process ${state.pid} is stuck in the kernel; see /proc/${state.pid}/stack`,
  });
}

/**
 * Ends the wait of a container that is to be started again. Returns when that is over: it has ended, or runs, as it
 * does where it was being started already.
 */
export async function cancelRestart(
  context: EngineContext,
  record: ContainerRecord,
  by: Stopper,
): Promise<void> {
  markStopped(context.paths, record, by);
  const client = await monitorOf(context, record);
  client?.stopping();
  try {
    await until(record, () => readState(context.paths, record.id).status !== "restarting");
  } finally {
    client?.detach();
  }
}

function recordKill(context: EngineContext, record: ContainerRecord, signal: number): void {
  recordEvent(context, containerEvent(record, "kill", { signal: String(signal) }));
}

/** Whether the process was there to take the signal; if so, `onSend` is called right before. */
function signalInit(state: ContainerState, signal: number, onSend: () => void): boolean {
  let pidfd: number;
  try {
    pidfd = pidfdOpen(state.pid);
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ESRCH") return false;
    throw error;
  }
  try {
    if (!isRunning(state)) return false;
    onSend();
    pidfdSendSignal(pidfd, signal);
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.code === "ESRCH") return false;
    throw error;
  } finally {
    closeSync(pidfd);
  }
}

/** Waits until the container has ended and its state says so; false after the timeout. */
export async function waitForEnd(
  context: EngineContext,
  record: ContainerRecord,
  { state, timeoutMs }: { state: ContainerState; timeoutMs: number },
): Promise<boolean> {
  const deadline = monotonic() + timeoutMs;
  const client = await monitorOf(context, record);
  if (client) {
    client.ignoreOutput();
    const timer = new AbortController();
    const late = Number.isFinite(timeoutMs)
      ? sleep(timeoutMs, { signal: timer.signal }).catch(() => {})
      : new Promise<void>(() => {});
    await Promise.race([client.exited.catch(() => {}), late]);
    timer.abort();
    client.detach();
  }
  // No monitor to tell, one that has just told, or one with too many clients already: look at the process itself.
  while (isRunning(state)) {
    if (monotonic() >= deadline) return false;
    await sleep(POLL_MS);
  }
  await settle(context.paths, record, state);
  return true;
}

const monitorOf = (context: EngineContext, record: ContainerRecord): Promise<MonitorClient | undefined> =>
  connectMonitor(containerRunDir(context.paths, record.id)).catch(() => undefined);
