/** Bringing a layer into the store, whole and verified or not at all. */
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { hexOf } from "./digest.ts";
import { writeDocument } from "./documents.ts";
import {
  bootId,
  type LayerInfo,
  layerDocument,
  layerInfo,
  layerName,
  layerPath,
  pendingBlobPath,
  removeLayer,
} from "./layers.ts";
import { lock } from "./locks.ts";
import { blobsDir, layersDir, locksDir, type Paths } from "./paths.ts";
import { makeRoomyDirectory } from "./roomy-directory.ts";
import { openScratch } from "./scratch.ts";
import { type SyncAhead, syncOf } from "./sync-ahead.ts";
import type { LayerLimits, Unpacked, UnpackJob } from "./unpack/pipeline.ts";

export interface IngestRequest {
  /** The blob's bytes; not asked for any before the layer is known to be missing. Errors pass to the caller. */
  readonly source: AsyncIterable<Uint8Array>;
  /** The blob's digest, size and media type, as the manifest's descriptor has them. */
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
  /** The digest of the uncompressed tar, from the image's configuration. */
  readonly diffId: string;
  /** By default fewer than 1,000,000 entries and at most 1 GiB, or 200 times the blob's size if that is more. */
  readonly limits?: Partial<LayerLimits>;
  /** Called with all bytes received so far. */
  readonly onProgress?: (receivedBytes: number) => void;
  /** Ends the work at the next piece of the source, which should heed the same signal while it waits. */
  readonly signal?: AbortSignal;
}

const GIB = 1024 ** 3;
const DEFAULT_ENTRIES = 1_000_000;
/** Text compresses to a fifth, zeros to a thousandth: an image has some of both. */
const DEFAULT_RATIO = 200;
/** Starting a thread takes longer than unpacking as little as this. */
const INLINE_SIZE = 128 * 1024;

/**
 * Downloads, verifies and unpacks one layer in one pass. When this returns the layer is visible; until `commitLayers`
 * it may still be lost in a power failure. Several processes may ingest the same layer: one does, the others wait.
 *
 * Throws ERR_TSRUN_DIGEST_MISMATCH, _SIZE_MISMATCH, _LAYER_REFUSED, _LAYER_TOO_LARGE, _LAYER_CORRUPT or
 * _LAYER_UNPACK; then nothing of the layer is left.
 */
export async function ingestLayer(paths: Paths, request: IngestRequest): Promise<LayerInfo> {
  const { diffId, digest, size, mediaType, signal } = request;
  hexOf(digest);
  // Before the lock is waited for, and again when it is held: another process may have been faster.
  const present = layerInfo(paths, diffId);
  if (present) return present;
  using held = await lock(join(locksDir(paths), `layer-${layerName(diffId)}`), signal ? { signal } : {});
  try {
    const meanwhile = layerInfo(paths, diffId);
    if (meanwhile) return meanwhile;
    using scratch = openScratch(paths, makeRoomyDirectory);
    const job: UnpackJob = {
      blob: join(scratch.path, "blob"),
      tree: join(scratch.path, "tree"),
      digest,
      size,
      diffId,
      limits: { entries: DEFAULT_ENTRIES, bytes: Math.max(GIB, size * DEFAULT_RATIO), ...request.limits },
    };
    const { droppedXattrs, ...unpacked } = await run(job, request, syncOf(paths));
    const info: LayerInfo = {
      diffId,
      digest,
      mediaType,
      compressedSize: size,
      ...unpacked,
      ...(droppedXattrs.length > 0 ? { droppedXattrs } : {}),
      boot: bootId(),
    };
    publishLayer(paths, job, info);
    return info;
  } finally {
    // While it is held, so that whoever waits for it opens a new one; a lock file for each layer would add up.
    rmSync(held.path, { force: true });
  }
}

async function run(job: UnpackJob, request: IngestRequest, ahead: SyncAhead): Promise<Unpacked> {
  const source = watched(request, ahead);
  try {
    if (job.size <= INLINE_SIZE) {
      const { unpackLayer } = await import("./unpack/pipeline.ts");
      return await unpackLayer(job, copies(source));
    }
    const { unpackInWorker } = await import("./worker-client.ts");
    return await unpackInWorker(job, source);
  } catch (error) {
    if (!(error instanceof TsrunError) || !OWN_CODES.has(error.code)) throw error;
    const { code, message, hint, cause } = error;
    const layer = `layer ${request.digest.slice(0, "sha256:".length + 12)}`;
    throw new TsrunError(code, `${layer}: ${message}`, { ...(hint === undefined ? {} : { hint }), cause });
  }
}

/** Errors of the pipeline, as against those of the source, which know best what they are about. */
const OWN_CODES: ReadonlySet<string> = new Set([
  "ERR_TSRUN_DIGEST_MISMATCH",
  "ERR_TSRUN_SIZE_MISMATCH",
  "ERR_TSRUN_LAYER_REFUSED",
  "ERR_TSRUN_LAYER_TOO_LARGE",
  "ERR_TSRUN_LAYER_CORRUPT",
  "ERR_TSRUN_LAYER_UNPACK",
]);

/** Pieces of their own: after an error libuv may still be inflating one that the source already has back. */
async function* copies(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of source) yield Buffer.from(piece);
}

async function* watched(
  { source, onProgress, signal }: IngestRequest,
  ahead: SyncAhead,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of source) {
    signal?.throwIfAborted();
    received += chunk.length;
    onProgress?.(received);
    ahead.received(chunk.length);
    yield chunk;
  }
  signal?.throwIfAborted();
}

/**
 * Moves what was verified, or made here, into place; the document comes last and makes it a layer. The caller holds
 * the layer's lock, and has found that it is not there.
 */
export function publishLayer(paths: Paths, job: Pick<UnpackJob, "blob" | "tree">, info: LayerInfo): void {
  mkdirSync(blobsDir(paths), { recursive: true, mode: 0o700 });
  // 0700, because layers hold setuid programs and device nodes with the modes that containers need.
  mkdirSync(layersDir(paths), { recursive: true, mode: 0o700 });
  // Also where there is one: it was verified once, but who fetches a layer again may do so because the disk lost some.
  renameSync(job.blob, pendingBlobPath(paths, info.digest));
  // What a process killed right here has left, or a power failure has made worthless.
  removeLayer(paths, layerName(info.diffId));
  renameSync(job.tree, layerPath(paths, info.diffId));
  writeDocument(layerDocument(paths, info.diffId), info, { durable: false });
}
