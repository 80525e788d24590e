/** diff: what a container has changed of its image. */
import { closeSync, constants, openSync } from "node:fs";
import { O_PATH } from "../kernel/openat2.ts";
import { type Changes, changesIn } from "../store/pack/changes.ts";
import type { Paths } from "../store/paths.ts";
import type { FileChange } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { overlayDirectories } from "./files-in-layers.ts";
import { standardMountPoints } from "./mount-points.ts";
import { resolveContainer } from "./records.ts";
import type { ContainerRecord } from "./types.ts";

/** Sorted by path. Of a container that runs, what its writable layer holds at this moment. */
export function diffContainer({ paths }: EngineContext, reference: string): FileChange[] {
  const record = resolveContainer(paths, reference);
  const upper = openUpper(paths, record);
  try {
    const { changes } = containerChanges(paths, record, upper);
    return changes.map(({ kind, path }) => ({ kind, path: Buffer.from(path, "latin1").toString() }));
  } finally {
    closeSync(upper);
  }
}

/** The container's writable layer (O_PATH); the caller closes it. */
export function openUpper(paths: Paths, { layers, id }: ContainerRecord): number {
  const [upper = ""] = overlayDirectories(paths, layers, id);
  return openSync(upper, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

export function containerChanges(paths: Paths, record: ContainerRecord, upper: number): Changes {
  return changesIn(upper, overlayDirectories(paths, record.layers), standardMountPoints(record));
}
