/** `-s`: how much of the disk is a container's own. */
import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { EngineApi } from "../engine/api.ts";
import type { ContainerRecord } from "../engine/types.ts";
import { containerDir, type Paths } from "../store/paths.ts";

export interface ContainerSize {
  /** Bytes of the files in the writable layer. */
  own: number;
  /** The same with the image's. */
  total: number;
}

export async function containerSize(
  record: ContainerRecord,
  paths: Paths,
  engine: EngineApi,
): Promise<ContainerSize> {
  const own = sizeOfTree(join(containerDir(paths, record.id), "upper"));
  return { own, total: own + (await imageSize(record.imageId, engine)) };
}

/** An image that has been removed by force is gone for the total too. */
async function imageSize(id: string, engine: EngineApi): Promise<number> {
  return (await engine.images()).find((image) => image.id === id)?.size ?? 0;
}

/** Bytes of all regular files below a directory, each counted once however many names it has. */
export function sizeOfTree(directory: string, seen: Set<string> = new Set()): number {
  let total = 0;
  for (const entry of entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      total += sizeOfTree(path, seen);
      continue;
    }
    if (!entry.isFile()) continue;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined || (stat.nlink > 1 && seen.has(`${stat.dev}:${stat.ino}`))) continue;
    seen.add(`${stat.dev}:${stat.ino}`);
    total += stat.size;
  }
  return total;
}

/** A running container changes its files meanwhile: what has just gone counts nothing. */
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
