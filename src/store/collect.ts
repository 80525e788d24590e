/** Removing what no image and no container needs any more. */
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { readBlob } from "./blobs.ts";
import { hexOf } from "./digest.ts";
import { type ImageRecord, readImages } from "./images.ts";
import { layerInfo, layerName, layerNames, removeLayer } from "./layers.ts";
import { lock } from "./locks.ts";
import { blobsDir, locksDir, type Paths } from "./paths.ts";
import { sweepScratch } from "./scratch.ts";

export interface Collected {
  /** Digests of the blobs, and names of the layer directories, that were removed. */
  readonly blobs: string[];
  readonly layers: string[];
}

/**
 * Removes every blob and layer that is neither part of a known image nor among the diff ids `inUse` (the layers of
 * containers), and what killed processes have left in the store. Waits until nobody holds the store (`holdStore`),
 * or throws ERR_TSRUN_LOCK_TIMEOUT after `timeoutMs`; `inUse` is called once that is so.
 */
export async function removeUnreferenced(
  paths: Paths,
  inUse: () => Iterable<string>,
  options: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<Collected> {
  using _ = await lock(join(locksDir(paths), "store"), options);
  const { known, names: named } = readImages(paths);
  // Names of one image may stand for different manifests of it: of two registries, or of an index and by itself.
  const used = references(paths, [...Object.values(known), ...Object.values(named)]);
  for (const diffId of inUse()) {
    used.layers.add(layerName(diffId));
    // An image that is made of the container needs them, whatever became of its own.
    for (const blob of blobsOfLayer(paths, diffId)) used.blobs.add(blob);
  }
  const layers = layerNames(paths).filter((name) => !used.layers.has(name));
  for (const name of layers) removeLayer(paths, name);
  const blobs: string[] = [];
  for (const name of names(blobsDir(paths))) {
    if (used.blobs.has(name)) continue;
    rmSync(join(blobsDir(paths), name), { force: true });
    if (/^[0-9a-f]{64}$/.test(name)) blobs.push(`sha256:${name}`);
  }
  for (const name of names(paths.root)) {
    // A document's temporary file; its writer may be alive, but takes microseconds, not minutes.
    if (name.endsWith(".tmp") && isOld(join(paths.root, name)))
      rmSync(join(paths.root, name), { force: true });
  }
  sweepScratch(paths);
  return { blobs, layers };
}

/** The file names in blobs/ and directory names in layers/ that images need. */
function references(
  paths: Paths,
  images: readonly ImageRecord[],
): { blobs: Set<string>; layers: Set<string> } {
  const blobs = new Set<string>();
  const layers = new Set<string>();
  for (const { target, manifest, config } of images) {
    for (const digest of [target.digest, manifest, config]) blobs.add(hexOf(digest));
    for (const layer of parsed<Manifest>(paths, manifest)?.layers ?? []) {
      blobs.add(hexOf(layer.digest));
    }
    for (const diffId of parsed<Configuration>(paths, config)?.rootfs.diff_ids ?? []) {
      layers.add(layerName(diffId));
      for (const blob of blobsOfLayer(paths, diffId)) blobs.add(blob);
    }
  }
  return { blobs, layers };
}

/**
 * Where another image had the same layer compressed otherwise, that blob is the one that came with it; and before its
 * commit it still has its other name.
 */
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

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

const MINUTE = 60_000;

function isOld(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > MINUTE;
}
