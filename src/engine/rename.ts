/** rename: a container gets another name, running or not. */
import { TsrunError } from "../errors.ts";
import { syncDirectory } from "../store/documents.ts";
import { claimName, releaseName, resolveName } from "../store/names.ts";
import { namesDir } from "../store/paths.ts";
import { changeRecord } from "./change.ts";
import { sweep } from "./cleanup.ts";
import { renameConnections } from "./container-networks.ts";
import type { EngineContext } from "./context.ts";
import { nameTaken } from "./create.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { validateContainerName } from "./names.ts";
import { resolveContainer, writeRecord } from "./records.ts";

/**
 * Gives the container the name; throws ERR_TSRUN_NAME_INVALID, ERR_TSRUN_NAME_CONFLICT. The new name is claimed before
 * the record says it, and the old one given up after: whenever this is killed, the record's own name leads to the
 * container, and a name that the record does not say is given up by the next sweep.
 */
export async function renameContainer(
  context: EngineContext,
  reference: string,
  wanted: string,
): Promise<void> {
  const { paths } = context;
  const name = wanted.startsWith("/") ? wanted.slice(1) : wanted;
  validateContainerName(name);
  const { id } = resolveContainer(paths, reference);
  // The name may belong to a container that was never completed, or that has another by now.
  if (resolveName(paths, name) !== undefined) await sweep(context);
  using change = await changeRecord(paths, id);
  const { record } = change;
  if (record.name === name) {
    throw new TsrunError(
      "ERR_TSRUN_NAME_CONFLICT",
      "Renaming a container with the same name as its current name",
      {
        hint: "choose another name",
      },
    );
  }
  if (!claimName(paths, name, id)) throw nameTaken(name, resolveName(paths, name) ?? "");
  try {
    if (!record.options.autoRemove) syncDirectory(namesDir(paths));
    writeRecord(paths, { ...record, name });
  } catch (error) {
    releaseName(paths, name, id);
    throw error;
  }
  releaseName(paths, record.name, id);
  renameConnections(paths, record, name);
  recordEvent(context, containerEvent({ ...record, name }, "rename", { oldName: `/${record.name}` }));
}
