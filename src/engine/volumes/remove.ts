/** volume rm and prune: what no container uses goes. */
import { TsrunError } from "../../errors.ts";
import { volumeRunDir } from "../../store/paths.ts";
import { sizeOfTree } from "../../store/tree-size.ts";
import type { Pruned } from "../api.ts";
import type { EngineContext } from "../context.ts";
import { recordEvent } from "../events.ts";
import { openDriver } from "./drivers.ts";
import { listVolumes, type VolumeSummary } from "./list.ts";
import { unmountLeftover } from "./mounted.ts";
import {
  ANONYMOUS_LABEL,
  dataDirectory,
  dropVolume,
  holdVolume,
  listDirectory,
  readVolumes,
  type VolumeRecord,
  volumeNotFound,
} from "./records.ts";
import { volumeUsers } from "./users.ts";
import { LOCAL_DRIVER } from "./validate.ts";

/**
 * Removes a volume. Throws ERR_TSRUN_VOLUME_IN_USE while a container has it, running or not; `force` makes nothing of
 * one that does not exist, and of a driver that fails.
 */
export async function removeVolume(
  context: EngineContext,
  name: string,
  { force = false }: { force?: boolean } = {},
): Promise<void> {
  if (await removeUnused(context, name, { force })) return;
  // A volume that only its driver knows has no record here.
  const known = (await listVolumes(context)).find((volume) => volume.name === name);
  if (known && known.driver !== LOCAL_DRIVER) return (await openDriver(known.driver)).remove(name);
  if (!force) throw volumeNotFound(name);
}

/** The volumes that a container was given without a name; those that others use by now stay. */
export async function removeAnonymous(context: EngineContext, names: readonly string[]): Promise<void> {
  for (const name of names) {
    try {
      await removeUnused(context, name, { force: true });
    } catch (error) {
      if (!(error instanceof TsrunError) || error.code !== "ERR_TSRUN_VOLUME_IN_USE") throw error;
    }
  }
}

export interface PruneVolumesOptions {
  /** Named ones too. */
  all?: boolean;
  matches?: (volume: VolumeSummary) => boolean;
}

/** Removes volumes of the driver local that no container uses: those without a name, or all. */
export async function pruneVolumes(
  context: EngineContext,
  { all = false, matches = () => true }: PruneVolumesOptions = {},
): Promise<Pruned> {
  const { paths } = context;
  const pruned: Pruned = { deleted: [], bytes: 0 };
  const users = volumeUsers(paths);
  for (const record of readVolumes(paths)) {
    const { name, driver } = record;
    if (driver !== LOCAL_DRIVER || users.has(name) || !(all || ANONYMOUS_LABEL in record.labels)) continue;
    if (!matches({ ...record, mountpoint: dataDirectory(paths, name), users: [] })) continue;
    const bytes = isMounted(context, record) ? 0 : sizeOfTree(dataDirectory(paths, name));
    try {
      if (!(await removeUnused(context, name, { force: false }))) continue;
    } catch (error) {
      if (error instanceof TsrunError && error.code === "ERR_TSRUN_VOLUME_IN_USE") continue;
      throw error;
    }
    pruned.deleted.push(name);
    pruned.bytes += bytes;
  }
  const attributes = { reclaimed: String(pruned.bytes) };
  recordEvent(context, { type: "volume", action: "prune", id: "", attributes });
  return pruned;
}

const isMounted = ({ paths }: EngineContext, { name, options }: VolumeRecord): boolean =>
  options["device"] !== undefined || listDirectory(volumeRunDir(paths, name)).length > 0;

/** Returns whether there was one. */
async function removeUnused(
  context: EngineContext,
  name: string,
  { force }: { force: boolean },
): Promise<boolean> {
  using volume = await holdVolume(context.paths, name);
  if (!volume) return false;
  const users = volumeUsers(context.paths).get(name);
  if (users) throw inUse(name, users);
  const { driver } = volume.record;
  if (driver !== LOCAL_DRIVER) {
    try {
      await (await openDriver(driver)).remove(name);
    } catch (error) {
      if (!force) throw error;
    }
  }
  unmountLeftover(context.paths, volume.record);
  dropVolume(context.paths, name);
  recordEvent(context, { type: "volume", action: "destroy", id: name, attributes: { driver } });
  return true;
}

function inUse(name: string, users: readonly string[]): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_VOLUME_IN_USE",
    `remove ${name}: volume is in use - [${users.join(", ")}]`,
    { hint: `remove the containers first: tsrun rm ${users.map((id) => id.slice(0, 12)).join(" ")}` },
  );
}
