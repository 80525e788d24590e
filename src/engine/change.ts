/**
 * Who may replace a container's record: the holder of an flock(2) on the container's directory, containers/<id>.
 * Ownership (ownership.ts) cannot serve, since a running container belongs to its monitor. The lock of a directory
 * needs no file and no cleaning: it is there with the container and gone with it.
 */
import { type Lock, lock, tryLock } from "../store/locks.ts";
import { containerDir, type Paths } from "../store/paths.ts";
import { containerNotFound, readRecord } from "./records.ts";
import type { ContainerRecord } from "./types.ts";

/** Replacing a document takes milliseconds; a limit below what is in use makes the kernel reclaim memory first. */
const TIMEOUT_MS = 30_000;

export interface Change extends Disposable {
  /** As it is now; nobody else replaces or removes it while this is held. */
  record: ContainerRecord;
}

/** Waits until the record is this process's to replace; ERR_TSRUN_CONTAINER_NOT_FOUND where it is removed meanwhile. */
export async function changeRecord(paths: Paths, id: string): Promise<Change> {
  const held = await lockDirectory(paths, id);
  const record = readRecord(paths, id);
  if (held && record) return { record, [Symbol.dispose]: () => held.release() };
  held?.release();
  throw containerNotFound(id);
}

/** The lock alone, for removing the record; undefined where the directory is gone. */
export async function lockDirectory(paths: Paths, id: string): Promise<Lock | undefined> {
  try {
    return await lock(containerDir(paths, id), { directory: true, timeoutMs: TIMEOUT_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Calls `act` with the record, unless somebody is changing it right now. */
export function unlessChanging(
  paths: Paths,
  id: string,
  act: (record: ContainerRecord | undefined) => void,
): void {
  try {
    using held = tryLock(containerDir(paths, id), { directory: true });
    if (held) act(readRecord(paths, id));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
