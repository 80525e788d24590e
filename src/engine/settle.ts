/** Waiting for a container's monitor to say what has happened, which it does within milliseconds. */
import { TsrunError } from "../errors.ts";
import { monotonic } from "../kernel/clock.ts";
import { sleep } from "../kernel/sleep.ts";
import type { Paths } from "../store/paths.ts";
import { readState } from "./state.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

/** After that a monitor is stuck, not slow. */
const PATIENCE_MS = 10_000;
const SOON_MS = 5;

/**
 * Waits until the run that `gone` tells of, whose process has ended, is over for every reader: whoever was told that
 * a container does not run shall not be told next that it does. Returns the state from then on.
 */
export async function settle(
  paths: Paths,
  record: ContainerRecord,
  gone: ContainerState,
): Promise<ContainerState> {
  let state = readState(paths, record.id);
  await until(record, () => {
    state = readState(paths, record.id);
    return state.status !== "running" || state.pid !== gone.pid;
  });
  return state;
}

/** Throws ERR_TSRUN_MONITOR_STUCK where it does not become so. */
export async function until(record: ContainerRecord, isSo: () => boolean): Promise<void> {
  const deadline = monotonic() + PATIENCE_MS;
  while (!isSo()) {
    if (monotonic() > deadline) {
      throw new TsrunError(
        "ERR_TSRUN_MONITOR_STUCK",
        `the monitor of container ${record.name} does not answer`,
        {
          hint: `look at it with: ps -o pid,stat,args -C tsrun-monitor | grep ${record.id}`,
        },
      );
    }
    await sleep(SOON_MS);
  }
}
