/** From the bytes of a blob to the bytes of its tar. */
import { pipeline, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { corrupt } from "./refusals.ts";
import { zstdFrameSplitter } from "./zstd-frames.ts";

export type Compression = "gzip" | "zstd" | "none";

/** The first bytes that tell: zstd's own, or one of its 16 skippable frames'. */
const SNIFF = 6;

/**
 * Decompresses a stream by what it begins with, as docker does: registries are full of layers whose media type says
 * another compression than the blob has. Inflating runs in libuv's thread pool while the consumer works on the
 * piece before; at most about 1 MiB waits in between. Errors of `source` pass through as they are.
 */
export async function* decompress(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  const head = await readHead(iterator);
  const whole = chain(head, iterator);
  const compression = sniff(head);
  if (compression === "none") {
    yield* whole;
    return;
  }
  const options = { chunkSize: 128 * 1024, readableHighWaterMark: 1024 * 1024 };
  const decoder: Transform = compression === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  let sourceError: unknown;
  const guarded = rethrown(compression === "zstd" ? splitFrames(whole) : whole, (error) => {
    sourceError = error;
  });
  pipeline(guarded, decoder, () => {
    // The error, if there was one, is thrown by the iteration below.
  });
  try {
    for await (const chunk of decoder) yield chunk;
  } catch (error) {
    throw sourceError ?? corrupt(`its ${compression} data is damaged or truncated`, error);
  }
}

/** What a blob is compressed with, by its first bytes. */
export function sniff(head: Buffer): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  const magic = head.length >= 4 ? head.readUInt32LE(0) : 0;
  if (magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50) return "zstd";
  const start = head.toString("latin1", 0, SNIFF);
  if (start === "\xfd7zXZ\0")
    throw corrupt("it is compressed with xz, which no media type of OCI images allows");
  if (/^BZh[1-9]/.test(start))
    throw corrupt("it is compressed with bzip2, which no media type of OCI images allows");
  return "none";
}

async function readHead(iterator: AsyncIterator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < SNIFF) {
    const step = await iterator.next();
    if (step.done) break;
    head = head.length === 0 ? step.value : Buffer.concat([head, step.value]);
  }
  return head;
}

async function* chain(head: Buffer, iterator: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) yield step.value;
  } finally {
    await iterator.return?.();
  }
}

async function* splitFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const split = zstdFrameSplitter();
  for await (const chunk of source) yield* split(chunk);
}

async function* rethrown(
  source: AsyncIterable<Buffer>,
  note: (error: unknown) => void,
): AsyncGenerator<Buffer> {
  try {
    yield* source;
  } catch (error) {
    note(error);
    throw error;
  }
}
