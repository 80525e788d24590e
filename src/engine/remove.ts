/** rm: the container, its writable layer, its log and its name. */
import { TsrunError } from "../errors.ts";
import { removeContainer } from "./cleanup.ts";
import type { EngineContext } from "./context.ts";
import { ownContainer } from "./ownership.ts";
import { readRecord, resolveContainer } from "./records.ts";
import { readState } from "./state.ts";
import { forceEnd } from "./stop.ts";

/** How long the monitor of a container that has ended may take to write down its end and let go. */
const OWN_TIMEOUT_MS = 15_000;

/** Removes a container; ERR_TSRUN_CONTAINER_RUNNING unless it has ended or `force` ends it. */
export async function removeByReference(
  context: EngineContext,
  reference: string,
  options: { force?: boolean } = {},
): Promise<void> {
  const { paths } = context;
  const record = resolveContainer(paths, reference);
  for (;;) {
    const state = readState(paths, record.id);
    if (state.status === "running") {
      if (!options.force) {
        throw new TsrunError(
          "ERR_TSRUN_CONTAINER_RUNNING",
          `cannot remove container "/${record.name}": container is running: stop the container before removing or force remove`,
          { hint: `tsrun stop ${record.name}, or tsrun rm -f ${record.name}` },
        );
      }
      await forceEnd(context, record, state);
    }
    using _owned = await ownContainer(paths, record.id, OWN_TIMEOUT_MS);
    if (!readRecord(paths, record.id)) return; // somebody else removed it meanwhile: that is what was asked for
    if (readState(paths, record.id).status === "running") continue; // started again in between
    await removeContainer(context, record);
    return;
  }
}

/** Removes a container that ended without anybody to wait for it; what its monitor calls in the end. */
export async function reapContainer(context: EngineContext, id: string): Promise<void> {
  const record = readRecord(context.paths, id);
  if (!record?.options.autoRemove) return;
  using _owned = await ownContainer(context.paths, id, OWN_TIMEOUT_MS);
  const latest = readRecord(context.paths, id);
  if (latest && readState(context.paths, id).status !== "running") await removeContainer(context, latest);
}
