/** The containers on disk: containers/<id>/config.json makes a container, nothing else does. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { readDocument, writeDocument } from "../store/documents.ts";
import { resolveName } from "../store/names.ts";
import { containerDir, containersDir, type Paths } from "../store/paths.ts";
import type { ContainerRecord } from "./types.ts";

const recordPath = (paths: Paths, id: string): string => join(containerDir(paths, id), "config.json");

/** The record of a container, undefined where there is none or it is not complete. */
export function readRecord(paths: Paths, id: string): ContainerRecord | undefined {
  return readDocument<ContainerRecord>(recordPath(paths, id));
}

/** Makes the container exist. A container that goes with its process need not survive a power failure. */
export function writeRecord(paths: Paths, record: ContainerRecord): void {
  writeDocument(recordPath(paths, record.id), record, { durable: !record.options.autoRemove, mode: 0o600 });
}

/** Ids of all container directories, complete or not. */
export function containerIds(paths: Paths): string[] {
  try {
    return readdirSync(containersDir(paths));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The container that a name, an id or the unique beginning of an id means; ERR_TSRUN_CONTAINER_NOT_FOUND otherwise. */
export function resolveContainer(paths: Paths, reference: string): ContainerRecord {
  const wanted = reference.startsWith("/") ? reference.slice(1) : reference;
  const named = resolveName(paths, wanted);
  const record = named === undefined ? undefined : readRecord(paths, named);
  if (record) return record;
  const matches = /^[0-9a-f]+$/.test(wanted) ? containerIds(paths).filter((id) => id.startsWith(wanted)) : [];
  const [only, ...others] = matches.flatMap((id) => readRecord(paths, id) ?? []);
  if (only === undefined) throw containerNotFound(reference);
  if (others.length > 0 && only.id !== wanted) {
    throw new TsrunError("ERR_TSRUN_CONTAINER_AMBIGUOUS", `multiple containers begin with ${reference}`, {
      hint: "add digits until only one is meant",
    });
  }
  return only;
}

export function containerNotFound(reference: string): TsrunError {
  return new TsrunError("ERR_TSRUN_CONTAINER_NOT_FOUND", `No such container: ${reference}`, {
    hint: "`tsrun ps -a` lists all containers",
  });
}
