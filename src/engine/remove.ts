/** rm: the container, its writable layer, its log and its name. */
import { TsrunError } from "../errors.ts";
import { monotonic } from "../kernel/clock.ts";
import type { Lock } from "../store/locks.ts";
import type { Paths } from "../store/paths.ts";
import { removeContainer } from "./cleanup.ts";
import type { EngineContext } from "./context.ts";
import { inheritContainer, ownContainer } from "./ownership.ts";
import { readRecord, resolveContainer } from "./records.ts";
import { isUnfinished, readState } from "./state.ts";
import { cancelRestart, forceEnd } from "./stop.ts";
import { markStopped, stoppedBy } from "./stop-mark.ts";

/** How long the monitor of a container that has ended may take to write down its end and let go. */
const OWN_TIMEOUT_MS = 15_000;
/** How soon to look again at what its owner does with it: it may be starting it. */
const LOOK_AGAIN_MS = 200;

/** Removes a container; ERR_TSRUN_CONTAINER_RUNNING unless it has ended or `force` ends it. */
export async function removeByReference(
  context: EngineContext,
  reference: string,
  options: { force?: boolean; volumes?: boolean } = {},
): Promise<void> {
  const { paths } = context;
  const record = resolveContainer(paths, reference);
  const deadline = monotonic() + OWN_TIMEOUT_MS;
  for (;;) {
    const state = readState(paths, record.id);
    if (isUnfinished(state)) {
      if (!options.force) {
        throw new TsrunError(
          "ERR_TSRUN_CONTAINER_RUNNING",
          `cannot remove container "/${record.name}": container is ${state.status}: stop the container before removing or force remove`,
          { hint: `tsrun stop ${record.name}, or tsrun rm -f ${record.name}` },
        );
      }
      markStopped(paths, record, "user");
      if (state.status === "restarting") await cancelRestart(context, record, "user");
      else await forceEnd(context, record, state);
    }
    using owned = await ownSoon(paths, record.id, deadline);
    if (!readRecord(paths, record.id)) return; // somebody else removed it meanwhile: that is what was asked for
    if (!owned || readState(paths, record.id, { owner: true }).status === "running") continue; // its owner may be starting it
    await removeContainer(context, record, { volumes: options.volumes ?? false });
    return;
  }
}

/** The container's lock, undefined where its owner kept it for a while; ERR_TSRUN_LOCK_TIMEOUT after the deadline. */
async function ownSoon(paths: Paths, id: string, deadline: number): Promise<Lock | undefined> {
  try {
    return await ownContainer(paths, id, LOOK_AGAIN_MS);
  } catch (error) {
    const isLate = monotonic() >= deadline || !(error instanceof TsrunError);
    if (isLate || error.code !== "ERR_TSRUN_LOCK_TIMEOUT") throw error;
    return undefined;
  }
}

/**
 * Removes a container that ended without anybody to wait for it; what its monitor calls in the end, with its lock as
 * descriptor `lockFd`.
 */
export async function reapContainer(context: EngineContext, id: string, lockFd?: number): Promise<void> {
  const record = readRecord(context.paths, id);
  if (!record?.options.autoRemove) return;
  using _owned = await inheritContainer(context.paths, id, { fd: lockFd, timeoutMs: OWN_TIMEOUT_MS });
  if (stoppedBy(context.paths, id) === "restart") return; // it will be started again
  const latest = readRecord(context.paths, id);
  if (latest && readState(context.paths, id, { owner: true }).status !== "running")
    await removeContainer(context, latest);
}
