/** container prune: every container that does not run goes. */
import { TsrunError } from "../errors.ts";
import { usageMeter } from "../store/disk-usage.ts";
import { containerDir } from "../store/paths.ts";
import type { Pruned, PruneOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { recordEvent } from "./events.ts";
import { isOwned } from "./ownership.ts";
import { containerIds, readRecord } from "./records.ts";
import { removeByReference } from "./remove.ts";
import { readState } from "./state.ts";
import type { ContainerState } from "./types.ts";

/** What a container can become between the look at it and its removal. */
const NOT_ANY_MORE = new Set(["ERR_TSRUN_CONTAINER_RUNNING", "ERR_TSRUN_CONTAINER_NOT_FOUND"]);

/**
 * Removes all that were created or have ended, and that nobody is at work on. The bytes are what of the disk their
 * files took: writable layer, log and documents.
 */
export async function pruneContainers(
  context: EngineContext,
  { matches = () => true }: PruneOptions = {},
): Promise<Pruned> {
  const { paths } = context;
  const pruned: Pruned = { deleted: [], bytes: 0 };
  for (const id of containerIds(paths)) {
    const record = readRecord(paths, id);
    const state = readState(paths, id);
    if (!record || !isOver(state) || isOwned(paths, id) || !matches({ record, state })) continue;
    const bytes = usageMeter().measure(containerDir(paths, id));
    try {
      await removeByReference(context, id);
    } catch (error) {
      if (error instanceof TsrunError && NOT_ANY_MORE.has(error.code)) continue;
      throw error;
    }
    pruned.deleted.push(id);
    pruned.bytes += bytes;
  }
  const reclaimed = { reclaimed: String(pruned.bytes) };
  recordEvent(context, { type: "container", action: "prune", id: "", attributes: reclaimed });
  return pruned;
}

const isOver = ({ status }: ContainerState): boolean =>
  status === "created" || status === "exited" || status === "dead";
