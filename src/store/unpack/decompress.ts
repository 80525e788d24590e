/** From the bytes of a blob to the bytes of its tar. */
import type { Transform } from "node:stream";
import { openInflater } from "../../kernel/inflate.ts";
import { free } from "../free.ts";
import { inflated } from "./inflate.ts";
import { corrupt, windowTooLarge } from "./refusals.ts";
import { zstdFrameSplitter } from "./zstd-frames.ts";

export type Compression = "gzip" | "zstd" | "none";

type OnDigest = (digest: string) => void;

/** The first bytes that tell: zstd's own, or one of its 16 skippable frames'. */
const SNIFF = 6;
/** Of the decompressed bytes that are handed on at once. */
const CHUNK = 128 * 1024;

/**
 * Decompresses a stream by what it begins with, as docker does: registries are full of layers whose media type says
 * another compression than the blob has. Inflating runs in libuv's thread pool while the consumer works on the
 * piece before; at most about 2 MiB wait in between. Errors of `source` pass through as they are, and its pieces are
 * its own again when it is asked for the next. So is a chunk: nothing of it is there any more then.
 *
 * `onDigest` is called at the end with the digest of all that came out. It is taken in the thread that inflates.
 */
export async function* decompress(
  source: AsyncIterable<Buffer>,
  onDigest?: OnDigest,
): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  const head = await readHead(iterator);
  const whole = chain(head, iterator);
  const compression = sniff(head);
  const inflater = compression === "gzip" ? openInflater({ hashes: onDigest !== undefined }) : undefined;
  if (inflater !== undefined) {
    yield* inflated(whole, inflater, { onEnd: () => onDigest?.(`sha256:${inflater.digest()}`) });
    return;
  }
  const chunks = compression === "none" ? whole : decoded(whole, compression);
  yield* onDigest === undefined ? chunks : digested(chunks, onDigest);
}

async function* digested(chunks: AsyncIterable<Buffer>, onDigest: OnDigest): AsyncGenerator<Buffer> {
  // Loaded here: it takes milliseconds, and `cp` needs none.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const hash = createHash("sha256");
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  onDigest(`sha256:${hash.digest("hex")}`);
}

/** By node:zlib. */
async function* decoded(
  whole: AsyncIterable<Buffer>,
  compression: Exclude<Compression, "none">,
): AsyncGenerator<Buffer> {
  const { createGunzip, createZstdDecompress } = process.getBuiltinModule("node:zlib");
  const options = { chunkSize: CHUNK, readableHighWaterMark: 8 * CHUNK };
  const decoder: Transform = compression === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  const fed = feed(compression === "zstd" ? splitFrames(whole) : whole, decoder);
  try {
    for await (const chunk of decoder) {
      yield chunk;
      freeIfLast(chunk);
    }
  } catch (error) {
    const failure = await fed;
    if (failure !== undefined) throw failure;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ZSTD_error_frameParameter_windowTooLarge") throw windowTooLarge(error);
    throw corrupt(`its ${compression} data is damaged or truncated`, error);
  }
}

/** node:zlib fills one buffer after the other, with several chunks where the input came in pieces. */
function freeIfLast(chunk: Buffer): void {
  const { buffer, byteOffset, length } = chunk;
  if (buffer.byteLength === CHUNK && byteOffset + length === CHUNK) free(chunk);
}

/**
 * Writes the source into the decoder, and asks for the next piece only when the decoder is done with the one before.
 * Resolves with the source's error, if it has one.
 */
async function feed(source: AsyncIterable<Buffer>, decoder: Transform): Promise<unknown> {
  let done = () => {};
  // A decoder that fails never says that it is done with the piece it failed at.
  decoder.once("close", () => done());
  try {
    for await (const piece of source) {
      if (decoder.destroyed) return undefined;
      await new Promise<void>((resolve) => {
        done = resolve;
        decoder.write(piece, () => resolve());
      });
      if (decoder.destroyed) return undefined;
    }
    decoder.end();
    return undefined;
  } catch (error) {
    decoder.destroy(error as Error);
    return error;
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
    // A copy: the piece is the source's again when the next is asked for.
    head = Buffer.concat([head, step.value]);
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
