/** pause and unpause: the processes of a container held by its cgroup's freezer (cgroups(7)), which alone knows of it. */
import { TsrunError } from "../errors.ts";
import { SyscallError } from "../kernel/errors.ts";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import type { Cgroup } from "../runtime/cgroup/driver.ts";
import type { Paths } from "../store/paths.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { notRunning } from "./not-running.ts";
import { resolveContainer } from "./records.ts";
import { settle } from "./settle.ts";
import { isRunning, readState } from "./state.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

const cgroupOf = (record: ContainerRecord): Cgroup => detectCgroupDriver().open(record.cgroupPath);

/** The state, and whether a container that runs is paused. */
export function observedState(paths: Paths, record: ContainerRecord): ContainerState {
  const state = readState(paths, record.id);
  // What is left of a process that has ended can be frozen as well.
  const paused = state.status === "running" && cgroupOf(record).frozen() && isRunning(state);
  return paused ? { ...state, paused } : state;
}

/** Freezes every process of a running container; throws ERR_TSRUN_CONTAINER_NOT_RUNNING, ERR_TSRUN_CONTAINER_PAUSED. */
export async function pauseContainer(context: EngineContext, reference: string): Promise<void> {
  const { paths } = context;
  const record = resolveContainer(paths, reference);
  const state = observedState(paths, record);
  if (state.status !== "running") throw notRunning(record, state);
  if (state.paused) throw containerPaused(`Container ${record.id} is already paused`, record);
  const reached = await unlessEnded(paths, record, { state, act: () => cgroupOf(record).freeze() });
  if (!reached || !isRunning(state)) {
    // What is left of an ended run freezes as well, and so does the next one, for ever, which may not have begun yet.
    await thawIfPaused(record);
    const next = await settle(paths, record, state);
    if (next.status !== "running") throw notRunning(record, next);
    return pauseContainer(context, reference);
  }
  recordEvent(context, containerEvent(record, "pause"));
}

/** Throws ERR_TSRUN_CONTAINER_NOT_RUNNING, ERR_TSRUN_CONTAINER_NOT_PAUSED. */
export async function unpauseContainer(context: EngineContext, reference: string): Promise<void> {
  const { paths } = context;
  const record = resolveContainer(paths, reference);
  const state = observedState(paths, record);
  if (state.status !== "running") throw notRunning(record, state);
  if (!state.paused) {
    throw new TsrunError("ERR_TSRUN_CONTAINER_NOT_PAUSED", `Container ${record.id} is not paused`, {
      hint: "there is nothing to do: it runs",
    });
  }
  const reached = await unlessEnded(paths, record, { state, act: () => cgroupOf(record).thaw() });
  if (!reached) return unpauseContainer(context, reference);
  recordEvent(context, containerEvent(record, "unpause"));
}

/** So that a signal that was just sent is received: on cgroup v1 not even SIGKILL reaches a frozen process. */
export async function thawIfPaused(record: ContainerRecord): Promise<void> {
  const cgroup = cgroupOf(record);
  if (!cgroup.frozen()) return;
  try {
    await cgroup.thaw();
  } catch (error) {
    // It was killed by somebody else, and its cgroup is gone.
    if (!(error instanceof SyscallError)) throw error;
  }
}

export function containerPaused(message: string, record: ContainerRecord): TsrunError {
  return new TsrunError("ERR_TSRUN_CONTAINER_PAUSED", message, {
    hint: `tsrun unpause ${record.name} lets it go on`,
  });
}

interface Attempt {
  /** The run that is meant. */
  state: ContainerState;
  act(): Promise<void>;
}

/**
 * A container that ends takes its cgroup along: what fails then is no failure of the freezer. False where it has
 * ended and been started again meanwhile.
 */
async function unlessEnded(paths: Paths, record: ContainerRecord, { state, act }: Attempt): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    const now = readState(paths, record.id);
    if (now.status !== "running") throw notRunning(record, now);
    if (now.pid === state.pid) throw error;
    return false;
  }
}
