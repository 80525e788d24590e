/**
 * containers/<id>/stopped: somebody wants the container to be over. It is there before the first signal is sent, so
 * that its monitor cannot take what the signal does for an end that its restart policy answers; a start removes it.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readDocument, syncDirectory, writeDocument } from "../store/documents.ts";
import { containerDir, type Paths } from "../store/paths.ts";
import type { ContainerRecord } from "./types.ts";

/**
 * Who: the user, which `unless-stopped` remembers after a boot; the host, which goes down and will start it again; or
 * `restart`, which starts it right away.
 */
export type Stopper = "user" | "host" | "restart";

export const stopMarkPath = (paths: Paths, id: string): string => join(containerDir(paths, id), "stopped");

/** Marks the container; a user's mark stands whatever comes after it. */
export function markStopped(paths: Paths, record: ContainerRecord, by: Stopper): void {
  // A temporary container has no policy, and outlives its end only where it is started again.
  if (record.options.autoRemove && by !== "restart") return;
  if (by !== "user" && stoppedBy(paths, record.id) === "user") return;
  try {
    writeDocument(stopMarkPath(paths, record.id), { by }, { durable: hasPolicy(record), mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // it was removed meanwhile
  }
}

/** Who has stopped the container since it was last started. */
export function stoppedBy(paths: Paths, id: string): Stopper | undefined {
  return readDocument<{ by: Stopper }>(stopMarkPath(paths, id))?.by;
}

/** What a user starts is no longer stopped. */
export function forgetStop(paths: Paths, record: ContainerRecord): void {
  const path = stopMarkPath(paths, record.id);
  if (!existsSync(path)) return;
  rmSync(path, { force: true });
  if (hasPolicy(record)) syncDirectory(containerDir(paths, record.id));
}

/** Nobody asks for the mark of another after a power failure. */
const hasPolicy = ({ options }: ContainerRecord): boolean =>
  options.restartPolicy !== undefined && options.restartPolicy.name !== "no";
