/**
 * The volumes on disk: volumes/<name>/volume.json says what each is, and _data beside it holds the files of those that
 * have them here. Such a directory is put together elsewhere and renamed to its place: a name is taken by that one call,
 * and nobody ever sees half a volume. Removal is the same the other way round.
 *
 * Who decides something about a volume holds an flock(2) on its directory. What uses a volume is written in the records
 * of containers, which are made while that lock is held: so whoever holds it knows all users.
 */
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../../errors.ts";
import { isMountPoint } from "../../kernel/mount.ts";
import { readDocument, syncDirectory, writeDocument } from "../../store/documents.ts";
import { type Lock, lock } from "../../store/locks.ts";
import { type Paths, volumeDir, volumesDir } from "../../store/paths.ts";
import { openScratch } from "../../store/scratch.ts";
import { LOCAL_DRIVER } from "./validate.ts";

export interface VolumeRecord {
  version: 1;
  name: string;
  driver: string;
  /** Of the driver: type, device, o. */
  options: Record<string, string>;
  labels: Record<string, string>;
  /** RFC 3339. */
  createdAt: string;
}

/** The label of volumes that were made without a name, as docker marks them. */
export const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

/** A copy of an image's content into a volume may take its time. */
const TIMEOUT_MS = 120_000;

export const dataDirectory = (paths: Paths, name: string): string => join(volumeDir(paths, name), "_data");

/** Whether the volume has to be mounted before it can be used, as it has no files of its own in `_data`. */
export const needsMount = ({ driver, options }: Pick<VolumeRecord, "driver" | "options">): boolean =>
  driver !== LOCAL_DRIVER || options["device"] !== undefined;

export function readVolume(paths: Paths, name: string): VolumeRecord | undefined {
  if (!isName(name)) return undefined;
  return readDocument<VolumeRecord>(join(volumeDir(paths, name), "volume.json"));
}

/** All volumes, sorted by name. */
export function readVolumes(paths: Paths): VolumeRecord[] {
  return listDirectory(volumesDir(paths))
    .sort()
    .flatMap((name) => readVolume(paths, name) ?? []);
}

/** Makes the volume visible; false where the name is taken. */
export function addVolume(paths: Paths, record: VolumeRecord, { durable = true } = {}): boolean {
  using scratch = openScratch(paths);
  const made = join(scratch.path, "volume");
  // Nobody else may come near setuid programs in it, whatever the data root's mode is.
  mkdirSync(made, { mode: 0o700 });
  if (record.driver === LOCAL_DRIVER) mkdirSync(join(made, "_data"), { mode: 0o755 });
  writeDocument(join(made, "volume.json"), record, { durable, mode: 0o600 });
  mkdirSync(volumesDir(paths), { recursive: true, mode: 0o700 });
  try {
    renameSync(made, volumeDir(paths, record.name)); // fails where a directory is that has something in it
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    throw error;
  }
  if (durable) syncDirectory(volumesDir(paths));
  return true;
}

/**
 * Takes a volume away with all that is in it. The caller holds its lock, and has unmounted it: what is mounted is not the
 * volume's to remove, and a rename of the directory above would take it along.
 */
export function dropVolume(paths: Paths, name: string): void {
  if (existsSync(volumeDir(paths, name)) && isMountPoint(dataDirectory(paths, name))) {
    throw new TsrunError("ERR_TSRUN_VOLUME_IN_USE", `volume ${name} is still mounted`, {
      hint: `umount ${dataDirectory(paths, name)}`,
    });
  }
  using scratch = openScratch(paths);
  renameSync(volumeDir(paths, name), join(scratch.path, "volume"));
  syncDirectory(volumesDir(paths));
}

export interface HeldVolume extends Disposable {
  record: VolumeRecord;
  lock: Lock;
}

/** The volume, which nobody else changes or removes while this is held; undefined where there is none. */
export async function holdVolume(paths: Paths, name: string): Promise<HeldVolume | undefined> {
  if (!isName(name)) return undefined;
  let held: Lock;
  try {
    held = await lock(volumeDir(paths, name), { directory: true, timeoutMs: TIMEOUT_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const record = readVolume(paths, name);
  if (record) return { record, lock: held, [Symbol.dispose]: () => held.release() };
  held.release();
  return undefined;
}

export function volumeNotFound(name: string): TsrunError {
  return new TsrunError("ERR_TSRUN_VOLUME_NOT_FOUND", `get ${name}: no such volume`, {
    hint: "`tsrun volume ls` lists all volumes",
  });
}

/** Names come from the command line: one with a slash would lead elsewhere. */
const isName = (name: string): boolean => /^[^/\0]+$/.test(name) && name !== "." && name !== "..";

export function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
