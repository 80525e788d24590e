/** What of the store an image or a container needs: the file names in blobs/ and the directory names in layers/. */
import { TsrunError } from "../errors.ts";
import { readBlob } from "./blobs.ts";
import { hexOf } from "./digest.ts";
import type { ImageIndex, ImageRecord } from "./images.ts";
import { layerInfo, layerName } from "./layers.ts";
import type { Paths } from "./paths.ts";

export interface StoreObjects {
  readonly blobs: ReadonlySet<string>;
  readonly layers: ReadonlySet<string>;
}

/**
 * All that is known of images, by image id. Names of one image may stand for different manifests of it: of two
 * registries, or of an index and by itself.
 */
export function recordsById({ known, names }: ImageIndex): Map<string, ImageRecord[]> {
  return Map.groupBy([...Object.values(known), ...Object.values(names)], ({ config }) => config);
}

/** Together what all images need. */
export function objectsOfImages(paths: Paths, index: ImageIndex): StoreObjects {
  return union([...recordsById(index).values()].flat().map((record) => objectsOfImage(paths, record)));
}

/** What one image needs; of one whose manifest or configuration is lost, what is still known of it. */
export function objectsOfImage(paths: Paths, { target, manifest, config }: ImageRecord): StoreObjects {
  const blobs = new Set([target.digest, manifest, config].map(hexOf));
  for (const layer of parsed<Manifest>(paths, manifest)?.layers ?? []) blobs.add(hexOf(layer.digest));
  const unpacked = objectsOfLayers(paths, parsed<Configuration>(paths, config)?.rootfs.diff_ids ?? []);
  return union([{ blobs, layers: new Set() }, unpacked]);
}

/** What layers need by themselves, as those of a container do whose image is gone. */
export function objectsOfLayers(paths: Paths, diffIds: Iterable<string>): StoreObjects {
  const blobs = new Set<string>();
  const layers = new Set<string>();
  for (const diffId of diffIds) {
    layers.add(layerName(diffId));
    // An image that is made of a container needs the blob, whatever became of its own. Where another image had the
    // same layer compressed otherwise, it is the one that came with the layer.
    for (const blob of blobsOfLayer(paths, diffId)) blobs.add(blob);
  }
  return { blobs, layers };
}

export function union(all: Iterable<StoreObjects>): StoreObjects {
  const blobs = new Set<string>();
  const layers = new Set<string>();
  for (const objects of all) {
    for (const blob of objects.blobs) blobs.add(blob);
    for (const layer of objects.layers) layers.add(layer);
  }
  return { blobs, layers };
}

/** Before its layer's commit a blob has its other name. */
function blobsOfLayer(paths: Paths, diffId: string): string[] {
  const info = layerInfo(paths, diffId);
  return info ? [hexOf(info.digest), `${hexOf(info.digest)}.pending`] : [];
}

type Manifest = { layers?: { digest: string }[] };
type Configuration = { rootfs: { diff_ids: string[] } };

/** A blob of JSON; undefined where it is lost, with which its image cannot be used anyway. */
function parsed<T>(paths: Paths, digest: string): T | undefined {
  const bytes = readBlob(paths, digest);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8")) as T;
  } catch (cause) {
    throw new TsrunError("ERR_TSRUN_DOCUMENT_CORRUPT", `the blob ${digest} is not valid JSON`, { cause });
  }
}
