/** Restart policies at work: what a container's monitor becomes when it has waited long enough. */
import { launch } from "../runtime/launch.ts";
import { connectMonitor } from "../runtime/monitor-client.ts";
import type { Lock } from "../store/locks.ts";
import { containerRunDir } from "../store/paths.ts";
import { lockDirectory } from "./change.ts";
import { releaseHost, releaseRuntime } from "./cleanup.ts";
import type { EngineContext } from "./context.ts";
import { inheritContainer } from "./ownership.ts";
import { readRecord } from "./records.ts";
import { nextDelay, restartCondition } from "./restart-policy.ts";
import { beginContainer, failureCode, type Restart, restartOptions, successorEnvironment } from "./start.ts";
import { isRunning, readWrittenState, statePath, writeState } from "./state.ts";
import { stoppedBy } from "./stop-mark.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

const OWN_TIMEOUT_MS = 15_000;

/**
 * Starts a container in status "restarting" again; `lockFd` is its lock, inherited from the monitor. Where the start
 * fails, it waits for the next attempt or has ended, as its policy says, and the state tells why; that is no error.
 */
export async function reviveContainer(context: EngineContext, id: string, lockFd?: number): Promise<void> {
  const { paths } = context;
  if (!readRecord(paths, id)) return;
  using owned = await inheritContainer(paths, id, { fd: lockFd, timeoutMs: OWN_TIMEOUT_MS });
  // Until the container runs, or waits again, its record stays what this start has read.
  using _unchanged = await lockDirectory(paths, id);
  const record = readRecord(paths, id);
  const state = readWrittenState(paths, id);
  if (!record) return;
  if (state.status !== "restarting") {
    // Its monitor has no more to do than to have its volumes unmounted.
    if (!isRunning(state)) await releaseRuntime(context, record);
    return;
  }
  const restart: Restart = { count: state.restartCount + 1, delay: nextDelay(state.restartDelay) };
  if (isOver(context, record, state.restartCount)) return await conclude(context, record, state);
  try {
    const handle = await beginContainer(context, { record, owned }, { restart });
    handle.detach();
  } catch (error) {
    await releaseHost(context, record);
    const message = error instanceof Error ? error.message : String(error);
    const failed = { ...state, restartCount: restart.count, exitCode: failureCode(error), error: message };
    if (isOver(context, record, restart.count)) return await conclude(context, record, failed);
    await waitAgain(context, { record, owned, state: failed, restart });
  }
}

/** Somebody has stopped it meanwhile, or changed its policy, or it has failed often enough. */
function isOver({ paths }: EngineContext, { id, options }: ContainerRecord, restarts: number): boolean {
  return stoppedBy(paths, id) !== undefined || restartCondition(options.restartPolicy, restarts) === "never";
}

async function conclude(
  context: EngineContext,
  record: ContainerRecord,
  state: ContainerState,
): Promise<void> {
  writeState(context.paths, record, ended(state));
  await releaseRuntime(context, record);
}

const ended = (state: ContainerState): ContainerState => ({ ...state, status: "exited", restartDelay: 0 });

/** A monitor without a process waits in our place: it weighs a fortieth of this program. */
async function waitAgain(
  context: EngineContext,
  parts: { record: ContainerRecord; owned: Lock; state: ContainerState; restart: Restart },
): Promise<void> {
  const { record, owned, state, restart } = parts;
  const { paths } = context;
  writeState(paths, record, { ...state, restartDelay: restart.delay });
  const client = await launch({
    id: record.id,
    socketDir: containerRunDir(paths, record.id),
    lockFd: owned.fd,
    plan: { fds: [], steps: [] },
    fds: {},
    solitary: context.solitary,
    env: successorEnvironment(context),
    monitor: {
      terminal: false,
      stdin: false,
      stdinOnce: false,
      durable: true,
      stateFile: statePath(paths, record.id),
      lockFile: owned.path,
      restart: {
        ...restartOptions(context, record, restart),
        wait: `${JSON.stringify(ended(state))}\n`,
      },
      onExit: [...context.reviver(), record.id],
    },
  });
  client.detach();
}

/**
 * A running container's policy is another from now on; the caller has written it into the record. Nothing to tell
 * where no monitor serves: whoever starts the container next reads the record.
 */
export async function changeRestartPolicy(context: EngineContext, id: string): Promise<void> {
  const record = readRecord(context.paths, id);
  const client = await connectMonitor(containerRunDir(context.paths, id)).catch(() => undefined);
  if (!record || !client) return;
  const { restartCount } = readWrittenState(context.paths, id);
  client.ignoreOutput();
  client.setRestart(restartCondition(record.options.restartPolicy, restartCount));
  await client.flushed();
  client.detach();
}
