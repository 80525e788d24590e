/** Removing what no image and no container needs any more. */
import { existsSync, lstatSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { layersOfBuildCache } from "./build-cache.ts";
import { usageMeter } from "./disk-usage.ts";
import { readImages } from "./images.ts";
import { layerNames, withdrawLayer } from "./layers.ts";
import { lock, tryLock } from "./locks.ts";
import { blobsDir, layersDir, locksDir, type Paths } from "./paths.ts";
import { objectsOfImages, objectsOfLayers, union } from "./references.ts";
import { deadScratch, openScratch, sweepScratch } from "./scratch.ts";

export interface Collected {
  /** Digests of the blobs, and names of the layer directories, that were removed. */
  readonly blobs: string[];
  readonly layers: string[];
  /** What of the disk all of it took. */
  readonly bytes: number;
}

export interface CollectOptions {
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Called once nobody holds the store, before the look at what is needed. */
  first?: () => Promise<void>;
}

/**
 * Removes every blob and layer that is neither part of a known image, nor held by the cache of builds, nor among the diff
 * ids `inUse` (the layers of containers), and what killed processes have left in the store. Waits until nobody holds the store (`holdStore`),
 * or throws ERR_TSRUN_LOCK_TIMEOUT after `timeoutMs`; `inUse` is called once that is so.
 *
 * While the store is held alone, things are only moved out of sight, which takes no time: nobody who wants to pull or
 * to run waits for the removal of large trees. A kill in between leaves the rest to the next sweep of the scratch folder.
 */
export async function removeUnreferenced(
  paths: Paths,
  inUse: () => Iterable<string>,
  options: CollectOptions = {},
): Promise<Collected> {
  const blobs: string[] = [];
  const layers: string[] = [];
  using scratch = openScratch(paths);
  {
    using _ = await lock(join(locksDir(paths), "store"), options);
    await options.first?.();
    const unneeded = unreferenced(paths, inUse());
    for (const name of unneeded.layers) {
      withdrawLayer(paths, name, scratch.path);
      layers.push(name);
    }
    for (const name of unneeded.blobs) {
      renameSync(join(blobsDir(paths), name), join(scratch.path, name));
      if (/^[0-9a-f]{64}$/.test(name)) blobs.push(`sha256:${name}`);
    }
    for (const name of unneeded.documents) rmSync(join(paths.root, name), { force: true });
  }
  const meter = usageMeter();
  const bytes = readdirSync(scratch.path).reduce(
    (sum, name) => sum + meter.measure(join(scratch.path, name)),
    0,
  );
  return { blobs, layers, bytes: bytes + sweepScratch(paths, (path) => meter.measure(path)) };
}

export interface Leftover {
  path: string;
  /** What of the disk it takes. */
  bytes: number;
}

/**
 * What `removeUnreferenced` would remove; undefined where it would have to wait, because it takes that moment alone to
 * tell what killed processes have left from what living ones are about to use.
 */
export function findUnreferenced(paths: Paths, inUse: () => Iterable<string>): Leftover[] | undefined {
  using alone = tryLock(join(locksDir(paths), "store"));
  if (!alone) return undefined;
  const { layers, blobs, documents } = unreferenced(paths, inUse());
  const meter = usageMeter();
  const layerFiles = layers.flatMap((name) => {
    const tree = join(layersDir(paths), name);
    return [tree, `${tree}.json`].filter((path) => existsSync(path));
  });
  return [
    ...layerFiles,
    ...blobs.map((name) => join(blobsDir(paths), name)),
    ...documents.map((name) => join(paths.root, name)),
    ...deadScratch(paths),
  ].map((path) => ({ path, bytes: meter.measure(path) }));
}

/** File names below layers/, blobs/ and the root. */
function unreferenced(
  paths: Paths,
  inUse: Iterable<string>,
): { layers: string[]; blobs: string[]; documents: string[] } {
  const used = union([
    objectsOfImages(paths, readImages(paths)),
    objectsOfLayers(paths, inUse),
    objectsOfLayers(paths, layersOfBuildCache(paths)),
  ]);
  return {
    layers: layerNames(paths).filter((name) => !used.layers.has(name)),
    blobs: names(blobsDir(paths)).filter((name) => !used.blobs.has(name)),
    // A document's temporary file; its writer may be alive, but takes microseconds, not minutes.
    documents: names(paths.root).filter((name) => name.endsWith(".tmp") && isOld(join(paths.root, name))),
  };
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
