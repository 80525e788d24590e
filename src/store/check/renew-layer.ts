/** Making the directory of a layer anew from its blob, beside the one that is there, and only then exchanging them. */
import { createReadStream, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { blobPath } from "../blobs.ts";
import { writeDocument } from "../documents.ts";
import {
  bootId,
  commitLayers,
  type LayerInfo,
  layerDocument,
  layerName,
  layerPath,
  removeLayer,
} from "../layers.ts";
import { layersDir, type Paths } from "../paths.ts";
import { openScratch } from "../scratch.ts";
import type { UnpackJob } from "../unpack/pipeline.ts";
import { unpackInWorker } from "../worker-client.ts";

/** What a manifest and a configuration say of a layer. */
export type LayerDescription = Pick<LayerInfo, "diffId" | "digest" | "mediaType" | "compressedSize">;

/**
 * Unpacks the layer's blob and puts it into the place of what is there. `alone` calls its argument when nobody mounts
 * or is about to mount the layer, or throws. Throws what unpacking throws; then everything is as it was.
 */
export async function renewLayer(
  paths: Paths,
  { diffId, digest, mediaType, compressedSize }: LayerDescription,
  alone: (exchange: () => void) => Promise<void>,
): Promise<void> {
  using scratch = openScratch(paths);
  const job: UnpackJob = {
    blob: join(scratch.path, "blob"),
    tree: join(scratch.path, "tree"),
    digest,
    size: compressedSize,
    diffId,
    // The store has taken it in before, within the limits of that time.
    limits: { entries: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY },
  };
  const { droppedXattrs, ...unpacked } = await unpackInWorker(job, createReadStream(blobPath(paths, digest)));
  const info: LayerInfo = {
    diffId,
    digest,
    mediaType,
    compressedSize,
    ...unpacked,
    ...(droppedXattrs.length > 0 ? { droppedXattrs } : {}),
    boot: bootId(),
  };
  await alone(() => {
    mkdirSync(layersDir(paths), { recursive: true, mode: 0o700 });
    removeLayer(paths, layerName(diffId));
    renameSync(job.tree, layerPath(paths, diffId));
    writeDocument(layerDocument(paths, diffId), info, { durable: false });
  });
  await commitLayers(paths, [diffId]);
}
