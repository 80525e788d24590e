/** `builder du` and `builder prune`: what the cache holds, and giving it up. */
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { EngineContext } from "../engine/context.ts";
import type { Engine } from "../engine/engine.ts";
import { recordEvent } from "../engine/events.ts";
import { imageUsers } from "../engine/image-users.ts";
import { TsrunError } from "../errors.ts";
import {
  type CacheRecord,
  cacheMountsDir,
  cacheRecords,
  contextDigestsDir,
  removeCacheRecord,
} from "../store/build-cache.ts";
import { isCacheMountInUse, tryCacheMount } from "../store/cache-mounts.ts";
import { removeUnreferenced } from "../store/collect.ts";
import { hexOf } from "../store/digest.ts";
import { usageMeter } from "../store/disk-usage.ts";
import { readImages } from "../store/images.ts";
import { layerInfo, layerName, layerPath } from "../store/layers.ts";
import { blobsDir, type Paths } from "../store/paths.ts";
import { objectsOfImages } from "../store/references.ts";
import { removeTree } from "../store/tree-removal.ts";

/** One thing that builds keep: what steps have written, or the directory of a cache mount. */
export interface BuildCacheItem {
  readonly id: string;
  readonly type: "regular" | "exec.cachemount" | "source.local";
  readonly description: string;
  /** What would be free without it. */
  readonly bytes: number;
  readonly created: Date;
  readonly lastUsed: Date;
  /** A build is at work with it. */
  readonly inUse: boolean;
  /** Part of an image or container too: its layer stays. */
  readonly shared: boolean;
}

export interface PruneCacheOptions {
  /** Also what images and containers have in common with it; without, only what nobody else needs. */
  readonly all?: boolean;
  /** Bytes that may stay: what was used last stays first. */
  readonly keepStorage?: number;
  readonly matches?: (item: BuildCacheItem) => boolean;
  readonly signal?: AbortSignal;
}

export interface PrunedCache {
  /** Ids of what is gone. */
  readonly removed: readonly string[];
  readonly bytes: number;
}

const COLLECT_TIMEOUT_MS = 10_000;

/** Newest use first. */
export function listBuildCache({ context }: Engine): BuildCacheItem[] {
  return itemsOf(context)
    .map(({ item }) => item)
    .sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime());
}

/** Removes what matches; never what a build is at work with. */
export async function pruneBuildCache(
  { context }: Engine,
  { all = false, keepStorage = 0, matches = () => true, signal }: PruneCacheOptions = {},
): Promise<PrunedCache> {
  const { paths } = context;
  const candidates = itemsOf(context)
    .filter(({ item }) => (all || !item.shared) && !item.inUse && matches(item))
    .sort((a, b) => a.item.lastUsed.getTime() - b.item.lastUsed.getTime());
  let total = candidates.reduce((sum, { item }) => sum + item.bytes, 0);
  const removed: string[] = [];
  let bytes = 0;
  for (const { item, remove } of candidates) {
    if (keepStorage > 0 && total <= keepStorage) break;
    total -= item.bytes;
    bytes += remove();
    removed.push(item.id);
  }
  const inUse = () => imageUsers(paths).flatMap(({ layers }) => layers);
  const collected = await removeUnreferenced(paths, inUse, {
    timeoutMs: COLLECT_TIMEOUT_MS,
    ...(signal && { signal }),
  }).catch(ifBusy);
  bytes += collected?.bytes ?? 0;
  const attributes = { reclaimed: String(bytes) };
  recordEvent(context, { type: "builder", action: "prune", id: "", attributes });
  return { removed, bytes };
}

/** Its records are gone; the layers follow with the next removal. */
function ifBusy(error: unknown): undefined {
  if (error instanceof TsrunError && error.code === "ERR_TSRUN_LOCK_TIMEOUT") return undefined;
  throw error;
}

interface Item {
  readonly item: BuildCacheItem;
  /** Returns the bytes that are free at once. */
  remove(): number;
}

function itemsOf({ paths }: EngineContext): Item[] {
  return [...layerItems(paths), ...mountItems(paths), ...contextItems(paths)];
}

/** By result: several keys may lead to the same. */
function layerItems(paths: Paths): Item[] {
  const images = objectsOfImages(paths, readImages(paths)).layers;
  const used = new Set(imageUsers(paths).flatMap(({ layers }) => layers.map(layerName)));
  const meter = usageMeter();
  const measured = new Map<string, number>();
  return [...Map.groupBy(cacheRecords(paths), ({ record }) => record.result)].map(([result, records]) => {
    const [first] = records as [(typeof records)[number], ...typeof records];
    const { record } = first;
    const shared =
      record.layer !== null && (images.has(layerName(record.layer)) || used.has(layerName(record.layer)));
    const bytes = shared || record.layer === null ? 0 : sizeOf(paths, record, meter, measured);
    const lastUsed = new Date(Math.max(...records.map((each) => each.lastUsed.getTime())));
    return {
      item: {
        id: result.slice(0, 25),
        type: "regular",
        description: record.description,
        bytes,
        created: new Date(record.created),
        lastUsed,
        inUse: false,
        shared,
      },
      remove() {
        for (const { key } of records) removeCacheRecord(paths, key);
        return 0; // counted when the layer goes
      },
    };
  });
}

/** Several results may be the same layer, which is there once. */
function sizeOf(
  paths: Paths,
  { layer }: CacheRecord,
  meter: ReturnType<typeof usageMeter>,
  measured: Map<string, number>,
): number {
  if (layer === null) return 0;
  const known = measured.get(layer);
  if (known !== undefined) return 0;
  const blob = layerInfo(paths, layer)?.digest;
  const blobs =
    blob === undefined
      ? []
      : [hexOf(blob), `${hexOf(blob)}.pending`].map((name) => join(blobsDir(paths), name));
  const bytes = [layerPath(paths, layer), ...blobs].reduce((sum, path) => sum + meter.measure(path), 0);
  measured.set(layer, bytes);
  return bytes;
}

function mountItems(paths: Paths): Item[] {
  const folder = cacheMountsDir(paths);
  const meter = usageMeter();
  return namesIn(folder).flatMap((name): Item[] => {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    const item: Item = {
      item: {
        id: name.slice(0, 25),
        type: "exec.cachemount",
        description: `cache mount ${readIf(join(path, "id")).trim()}`,
        bytes: meter.measure(path),
        created: stat.birthtime,
        lastUsed: stat.mtime,
        inUse: isCacheMountInUse(path),
        shared: false,
      },
      remove() {
        using held = tryCacheMount(path);
        if (held === undefined) return 0;
        const bytes = usageMeter().measure(path);
        removeTree(path);
        return bytes;
      },
    };
    return [item];
  });
}

/** The digests of a context's files. */
function contextItems(paths: Paths): Item[] {
  const folder = contextDigestsDir(paths);
  return namesIn(folder).flatMap((name): Item[] => {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return []; // another command has removed it
    const item: Item = {
      item: {
        id: name.replace(".json", "").slice(0, 25),
        type: "source.local",
        description: "digests of a context's files",
        bytes: stat.blocks * 512,
        created: stat.birthtime,
        lastUsed: stat.mtime,
        inUse: false,
        shared: false,
      },
      remove() {
        rmSync(path, { force: true });
        return stat.blocks * 512;
      },
    };
    return [item];
  });
}

function readIf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
