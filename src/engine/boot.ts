/** A boot and a shutdown of the machine, as containers see them. */
import { inStartOrder, neededBy } from "./boot-order.ts";
import { concludeLost } from "./cleanup.ts";
import type { EngineContext } from "./context.ts";
import { tryOwnContainer } from "./ownership.ts";
import { containerIds, readRecord } from "./records.ts";
import { startsAtBoot } from "./restart-policy.ts";
import { startContainer } from "./start.ts";
import { isUnfinished, readState, readWrittenState } from "./state.ts";
import { endContainer } from "./stop.ts";
import { forgetStop, stoppedBy } from "./stop-mark.ts";
import type { ContainerRecord } from "./types.ts";

const AT_ONCE = 4;
/** Instead of -1: a machine that goes down does not wait for ever. */
const LONGEST_STOP = 10;

export interface BootResult {
  name: string;
  /** Why it could not be started, or stopped. */
  error?: unknown;
}

/**
 * Starts what its restart policy brings back after a boot, some at once and each after those that it needs; calls back
 * for each that it starts.
 */
export async function startAfterBoot(
  context: EngineContext,
  onResult: (result: BootResult) => void,
): Promise<void> {
  const started = new Map<string, Promise<void>>();
  const start = async (record: ContainerRecord): Promise<void> => {
    // What is needed was taken up before, by the order.
    await Promise.all(neededBy(record).map((id) => started.get(id)));
    try {
      if (await startAgain(context, record)) onResult({ name: record.name });
    } catch (error) {
      onResult({ name: record.name, error });
    }
  };
  await each(inStartOrder(records(context)), AT_ONCE, async (record) => {
    const done = start(record);
    started.set(record.id, done);
    await done;
  });
}

/** Whether it was to be started, and was. */
async function startAgain(context: EngineContext, { id }: ContainerRecord): Promise<boolean> {
  const { paths } = context;
  const owned = tryOwnContainer(paths, id);
  if (!owned) return false; // it runs, or somebody is at work on it
  const record = readRecord(paths, id);
  const state = readState(paths, id, { owner: true });
  const wanted =
    record !== undefined &&
    state.status !== "running" &&
    startsAtBoot(record.options.restartPolicy, {
      state,
      lost: isUnfinished(readWrittenState(paths, id)),
      stoppedByUser: stoppedBy(paths, id) === "user",
    });
  if (!wanted) {
    owned.release();
    return false;
  }
  concludeLost(context, record);
  forgetStop(paths, record);
  const handle = await startContainer(context, { record, owned });
  handle.detach();
  return true;
}

/** Stops what runs, each with its own signal and time, such that the next boot brings it back. */
export async function stopForShutdown(
  context: EngineContext,
  onResult: (result: BootResult) => void,
): Promise<void> {
  const running = records(context).filter(({ id }) => isUnfinished(readState(context.paths, id)));
  await each(running, running.length, async (record) => {
    const timeout = record.stopTimeout < 0 ? LONGEST_STOP : record.stopTimeout;
    try {
      await endContainer(context, record, { by: "host", timeout });
      onResult({ name: record.name });
    } catch (error) {
      onResult({ name: record.name, error });
    }
  });
}

/** Oldest first: later containers may need earlier ones. */
function records({ paths }: EngineContext): ContainerRecord[] {
  return containerIds(paths)
    .flatMap((id) => readRecord(paths, id) ?? [])
    .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

async function each<T>(
  items: readonly T[],
  lanes: number,
  act: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = [...items];
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
