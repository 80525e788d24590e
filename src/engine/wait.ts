/** wait: until a container does not run any more. */

import { sleep } from "../kernel/sleep.ts";
import { connectMonitor, type MonitorClient } from "../runtime/monitor-client.ts";
import { containerRunDir } from "../store/paths.ts";
import type { WaitOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { containerNotFound, readRecord, resolveContainer } from "./records.ts";
import { readState } from "./state.ts";

/** For what no monitor tells: one that was killed, one with too many clients, one between two runs. */
const POLL_MS = 50;

/**
 * The exit code of the run that is under way, else of the last one; 0 of a container that never ran. As with docker,
 * a restart policy makes no difference: it is the first end that counts. Throws ERR_TSRUN_CONTAINER_NOT_FOUND, also
 * where the container is removed and its end was not seen, and the reason of `signal`.
 */
export async function waitForContainer(
  context: EngineContext,
  reference: string,
  { signal }: WaitOptions = {},
): Promise<number> {
  const { id } = resolveContainer(context.paths, reference);
  for (;;) {
    signal?.throwIfAborted();
    if (!readRecord(context.paths, id)) throw containerNotFound(reference);
    const state = readState(context.paths, id);
    if (state.status === "created" || state.status === "exited" || state.status === "dead")
      return state.exitCode;
    const exitCode = await endFromMonitor(context, id, signal);
    if (exitCode !== undefined) return exitCode;
    await sleep(POLL_MS, signal ? { signal } : {}).catch(() => {});
  }
}

/** The end as the monitor tells it; undefined where there is none to tell it. */
async function endFromMonitor(
  context: EngineContext,
  id: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  let client: MonitorClient;
  try {
    client = await connectMonitor(containerRunDir(context.paths, id));
  } catch {
    return undefined;
  }
  const letGo = (): void => client.detach();
  signal?.addEventListener("abort", letGo, { once: true });
  client.ignoreOutput();
  try {
    const { exitCode } = await client.exited;
    return exitCode;
  } catch {
    return undefined;
  } finally {
    signal?.removeEventListener("abort", letGo);
    client.detach();
  }
}
