/** stop and kill: signals to a container's first process, and waiting for its end. */
import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { TsrunError } from "../errors.ts";
import { SyscallError } from "../kernel/errors.ts";
import { pidfdOpen, pidfdSendSignal } from "../kernel/process.ts";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import { connectMonitor } from "../runtime/monitor-client.ts";
import { containerRunDir } from "../store/paths.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { resolveContainer } from "./records.ts";
import { parseSignal } from "./signals.ts";
import { isRunning, readState } from "./state.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

const SIGKILL = 9;
/** After SIGKILL only the kernel can take its time: a process in uninterruptible sleep, an overlay being unmounted. */
const KILL_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/** Stop signal, then SIGKILL after the timeout (seconds, -1 for ever). A container that does not run is no error. */
export async function stopContainer(
  context: EngineContext,
  reference: string,
  options: { timeout?: number; signal?: string } = {},
): Promise<void> {
  const record = resolveContainer(context.paths, reference);
  const state = readState(context.paths, record.id);
  const signal = parseSignal(options.signal ?? record.stopSignal);
  if (state.status !== "running") return;
  const seconds = options.timeout ?? record.stopTimeout;
  if (!signalInit(state, signal, () => recordKill(context, record, signal))) return;
  const ended = await waitForEnd(context, record, {
    state,
    timeoutMs: seconds < 0 ? Number.POSITIVE_INFINITY : seconds * 1000,
  });
  if (!ended) await forceEnd(context, record, state);
  recordEvent(context, containerEvent(record, "stop"));
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
  const onSend = (): void => recordKill(context, record, number);
  if (state.status !== "running" || !signalInit(state, number, onSend)) {
    throw new TsrunError(
      "ERR_TSRUN_CONTAINER_NOT_RUNNING",
      `cannot kill container: ${reference}: container ${record.id} is not running`,
      { hint: `it is ${state.status}` },
    );
  }
  if (number === SIGKILL) await waitForKilled(context, record, state);
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
  if (await waitForEnd(context, record, { state, timeoutMs: 1000 })) return;
  detectCgroupDriver().open(record.cgroupPath).kill();
  if (await waitForEnd(context, record, { state, timeoutMs: KILL_TIMEOUT_MS })) return;
  throw new TsrunError("ERR_TSRUN_KILL_TIMEOUT", `container ${record.name} does not end after SIGKILL`, {
    hint: `process ${state.pid} is stuck in the kernel; see /proc/${state.pid}/stack`,
  });
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
  const deadline = performance.now() + timeoutMs;
  const client = await connectMonitor(containerRunDir(context.paths, record.id)).catch(() => undefined);
  if (client) {
    client.ignoreOutput();
    const timer = new AbortController();
    const late = Number.isFinite(timeoutMs)
      ? sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => {})
      : new Promise<void>(() => {});
    await Promise.race([client.exited.catch(() => {}), late]);
    timer.abort();
    client.detach();
  }
  // No monitor to tell, one that has just told, or one with too many clients already: look at the process itself.
  while (isRunning(state)) {
    if (performance.now() >= deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}
