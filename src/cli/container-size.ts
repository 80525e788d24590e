/** `-s`: how much of the disk is a container's own. */
import { join } from "node:path";
import type { EngineApi } from "../engine/api.ts";
import type { ContainerRecord } from "../engine/types.ts";
import { containerDir, type Paths } from "../store/paths.ts";
import { sizeOfTree } from "../store/tree-size.ts";

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
  return (await engine.images.list()).find((image) => image.id === id)?.size ?? 0;
}
