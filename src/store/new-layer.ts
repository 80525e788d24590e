/** A layer that is made here, not pulled: from an archive to what the store keeps of a layer. */
import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip } from "node:zlib";
import { digestMismatch } from "./digest.ts";
import { ingestLayer } from "./ingest.ts";
import { endingOnAbort } from "./input-file.ts";
import { type LayerInfo, layerInfo } from "./layers.ts";
import type { Paths } from "./paths.ts";
import { openScratch } from "./scratch.ts";
import { decompress, sniff } from "./unpack/decompress.ts";
import { writeFully } from "./write-fully.ts";

const MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD_MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd";
/** What is read back at once. */
const PIECE = 1024 * 1024;

/** What an archive without entries has: two blocks of zeros. */
export const EMPTY_LAYER = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/**
 * Compresses, digests and unpacks a tar archive; one that is compressed already is kept as it is. Undefined where it
 * has no entries. The caller holds the store, and commits the layer. Throws what `ingestLayer` throws.
 */
export async function layerFromTar(
  paths: Paths,
  tar: AsyncIterable<Uint8Array>,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<LayerInfo | undefined> {
  using scratch = openScratch(paths);
  using _ = endingOnAbort(tar, options.signal);
  const file = join(scratch.path, "layer");
  const blob = await written(file, await prepared(tar), options.signal);
  const diffId = blob.diffId ?? (await digestOf(decompress(chunksOf(file))));
  if (diffId === EMPTY_LAYER) return undefined;
  return await ingestLayer(paths, {
    ...ingestible(file, blob, options.signal),
    diffId,
    // It was made or chosen by the user: there is no limit to what it may hold.
    limits: { entries: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY },
  });
}

/**
 * The same of an archive whose diff id is known, but not the digest of any compressed form: what `docker save` has
 * written. Nothing is read of a layer that is here. ERR_TSRUN_DIGEST_MISMATCH where it is another.
 */
export async function layerFromKnownTar(
  paths: Paths,
  tar: AsyncIterable<Uint8Array>,
  options: { diffId: string; signal?: AbortSignal | undefined },
): Promise<LayerInfo> {
  const present = layerInfo(paths, options.diffId);
  if (present) return present;
  using scratch = openScratch(paths);
  const file = join(scratch.path, "layer");
  const blob = await written(file, await prepared(tar), options.signal);
  if (blob.diffId !== undefined && blob.diffId !== options.diffId)
    throw digestMismatch("a layer", { expected: options.diffId, actual: blob.diffId });
  return await ingestLayer(paths, { ...ingestible(file, blob, options.signal), diffId: options.diffId });
}

type Blob = Awaited<ReturnType<typeof written>>;

const ingestible = (file: string, { digest, size, mediaType }: Blob, signal: AbortSignal | undefined) => ({
  source: chunksOf(file),
  digest,
  size,
  mediaType,
  ...(signal ? { signal } : {}),
});

interface Prepared {
  /** The blob's bytes. */
  bytes: AsyncIterable<Buffer>;
  mediaType: string;
  /** Of the uncompressed archive, once all bytes have been read; undefined where they came compressed. */
  diffId: () => string | undefined;
}

async function prepared(tar: AsyncIterable<Uint8Array>): Promise<Prepared> {
  const [head, whole] = await peek(tar);
  const compression = sniff(head);
  if (compression !== "none") {
    return {
      bytes: whole,
      mediaType: compression === "gzip" ? MEDIA_TYPE : ZSTD_MEDIA_TYPE,
      diffId: () => undefined,
    };
  }
  const hash = createHash("sha256");
  let digest: string | undefined;
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of whole) {
      hash.update(chunk);
      yield chunk;
    }
    digest = `sha256:${hash.digest("hex")}`;
  };
  // The fastest level: it takes a third of the default's time for a tenth more bytes.
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  const done = pipeline(Readable.from(hashed(), { objectMode: false }), gzip);
  done.catch(() => {}); // the reader of `gzip` meets the same error
  return { bytes: gzip, mediaType: MEDIA_TYPE, diffId: () => digest };
}

/** The first bytes, and all of them. */
async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<[head: Buffer, whole: AsyncIterable<Buffer>]> {
  const iterator = source[Symbol.asyncIterator]();
  const next = async (): Promise<Buffer | undefined> => {
    const step = await iterator.next();
    if (step.done) return undefined;
    const { buffer, byteOffset, length } = step.value;
    return Buffer.from(buffer, byteOffset, length);
  };
  let head: Buffer = Buffer.alloc(0);
  for (let more = await next(); more !== undefined; more = await next()) {
    head = Buffer.concat([head, more]);
    if (head.length >= 512) break;
  }
  const whole = async function* (): AsyncGenerator<Buffer> {
    try {
      if (head.length > 0) yield head;
      for (let more = await next(); more !== undefined; more = await next()) yield more;
    } finally {
      await iterator.return?.();
    }
  };
  return [head, whole()];
}

async function written(
  file: string,
  { bytes, mediaType, diffId }: Prepared,
  signal: AbortSignal | undefined,
): Promise<{ digest: string; size: number; mediaType: string; diffId: string | undefined }> {
  const hash = createHash("sha256");
  let size = 0;
  const fd = openSync(file, "wx", 0o600);
  try {
    for await (const chunk of bytes) {
      signal?.throwIfAborted();
      hash.update(chunk);
      size += chunk.length;
      writeFully(fd, chunk, file);
    }
  } finally {
    closeSync(fd);
  }
  return { digest: `sha256:${hash.digest("hex")}`, size, mediaType, diffId: diffId() };
}

async function digestOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

/** Opened when it is first read: a layer that is in the store already is not. */
async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  yield* createReadStream(file, { highWaterMark: PIECE });
}
