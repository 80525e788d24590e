/**
 * Unpacked layers. A layer is the directory layers/<name> and, beside it, layers/<name>.json with what is known of
 * it; <name> is the first 32 hexadecimal digits of its diff id. The document is written last and removed first: the
 * layer exists exactly while its document does.
 *
 * Syncing a layer to disk can take longer than unpacking it, and once for all layers of an image is cheaper than
 * once for each. So a new layer's document carries the id of the present boot, and holds for that boot only, until
 * `commitLayers` has synced the filesystem. After a power failure an uncommitted layer counts as absent.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { blobPath, putBlob, type StagedBlob, stageBlob } from "./blobs.ts";
import { hexOf } from "./digest.ts";
import { readDocument, syncDirectory, writeDocument } from "./documents.ts";
import { blobsDir, layersDir, type Paths } from "./paths.ts";
import { openScratch } from "./scratch.ts";
import { syncOf } from "./sync-ahead.ts";

export interface LayerInfo {
  /** Digest of the uncompressed tar. */
  readonly diffId: string;
  /** Digest of the blob that it was unpacked from. */
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes of that blob. */
  readonly compressedSize: number;
  /** Bytes of its regular files; a hard link counts nothing. */
  readonly size: number;
  /** Entries of the tar. */
  readonly entries: number;
  /** Names of extended attributes that this filesystem does not take and the layer therefore lacks. */
  readonly droppedXattrs?: readonly string[];
  /** Not synced yet: the boot in which it was unpacked, see above. */
  readonly boot?: string;
}

/** The name of a layer's directory below layers/. */
export function layerName(diffId: string): string {
  return hexOf(diffId).slice(0, 32);
}

/** The directory of a layer, for overlayfs's lowerdir. */
export function layerPath(paths: Paths, diffId: string): string {
  return join(layersDir(paths), layerName(diffId));
}

export function layerDocument(paths: Paths, diffId: string): string {
  return `${layerPath(paths, diffId)}.json`;
}

/** What is known of a layer; undefined where it is not in the store, or not wholly. */
export function layerInfo(paths: Paths, diffId: string): LayerInfo | undefined {
  const info = readLayerDocument(layerDocument(paths, diffId));
  if (info?.diffId !== diffId || !existsSync(layerPath(paths, diffId))) return undefined;
  return info.boot === undefined || info.boot === bootId() ? info : undefined;
}

/** One that is not whole, as a power failure can leave it before the commit, is none. */
function readLayerDocument(path: string): LayerInfo | undefined {
  try {
    return readDocument<LayerInfo>(path);
  } catch (error) {
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_DOCUMENT_CORRUPT") return undefined;
    throw error;
  }
}

/** As layerInfo(), whose document is read only once in a process's life: it cannot stop to hold, only go. */
export function hasLayer(paths: Paths, diffId: string): boolean {
  const path = layerPath(paths, diffId);
  if (found.has(path)) return existsSync(layerDocument(paths, diffId)) && existsSync(path);
  if (layerInfo(paths, diffId) === undefined) return false;
  found.add(path);
  return true;
}

/** The directories of layers that were in the store, wholly. */
const found = new Set<string>();

/** The identity of the present boot, random(4). */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Where the blob of a layer waits for its layer to be committed. */
export function pendingBlobPath(paths: Paths, digest: string): string {
  return `${blobPath(paths, digest)}.pending`;
}

/**
 * Makes layers, and everything else written to the store before, survive a power failure: one syncfs(2) for all of
 * them, after which their blobs get their names, and with them the `documents` of their image, by digest. Call it once
 * at the end of a pull, before the image is named.
 */
export async function commitLayers(
  paths: Paths,
  diffIds: readonly string[],
  documents: ReadonlyMap<string, Uint8Array> = new Map(),
): Promise<void> {
  const fresh = diffIds
    .flatMap((diffId) => layerInfo(paths, diffId) ?? [])
    .filter((info) => info.boot !== undefined);
  if (fresh.length === 0) {
    for (const [digest, bytes] of documents) putBlob(paths, digest, bytes);
    return;
  }
  const staged: StagedBlob[] = [];
  try {
    for (const [digest, bytes] of documents) staged.push(stageBlob(paths, digest, bytes, { durable: false }));
    await syncOf(paths).finish();
    for (const blob of staged) blob.publish();
  } finally {
    for (const blob of staged) blob[Symbol.dispose]();
  }
  for (const { digest } of fresh) publishBlob(paths, digest);
  // A layer that holds for every boot has its blob in every boot.
  syncDirectory(blobsDir(paths));
  for (const { boot: _, ...info } of fresh)
    writeDocument(layerDocument(paths, info.diffId), info, { durable: false });
  syncDirectory(layersDir(paths));
}

function publishBlob(paths: Paths, digest: string): void {
  try {
    renameSync(pendingBlobPath(paths, digest), blobPath(paths, digest));
  } catch (error) {
    // Another pull of the same layer has committed it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Removes one layer by its directory's name; its blob stays. The caller knows that nothing mounts it. */
export function removeLayer(paths: Paths, name: string): void {
  const tree = join(layersDir(paths), name);
  if (!existsSync(tree)) {
    rmSync(`${tree}.json`, { force: true });
    return;
  }
  using scratch = openScratch(paths);
  withdrawLayer(paths, name, scratch.path);
}

/**
 * Moves a layer into a scratch directory: out of sight at once, whole or not, so that a kill in the middle of its
 * removal leaves it to the sweep.
 */
export function withdrawLayer(paths: Paths, name: string, scratch: string): void {
  const tree = join(layersDir(paths), name);
  rmSync(`${tree}.json`, { force: true });
  if (existsSync(tree)) renameSync(tree, join(scratch, name));
}

/** The names of all layers in layers/, complete or not. */
export function layerNames(paths: Paths): string[] {
  try {
    return [...new Set(readdirSync(layersDir(paths)).map((name) => name.replace(/\.json$/, "")))];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
