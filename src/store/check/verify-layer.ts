/**
 * A layer held against its blob, in one pass over either:
 *
 *     blob ─┬─ sha256 (digest)
 *           └─ decompress ─┬─ sha256 (diff id)
 *                          └─ tar ── what is to be there ── the directory
 *
 * Memory grows with the number of entries (some 300 bytes each), not with their size.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { TsrunError } from "../../errors.ts";
import { decompress } from "../unpack/decompress.ts";
import { TarReader } from "../unpack/tar-reader.ts";
import { compareTree, type Differences } from "./compare-tree.ts";
import { ExpectedTree } from "./expected-tree.ts";

export interface VerifyJob {
  readonly blob: string;
  readonly digest: string;
  /** The directory that the blob was unpacked to; without one, only the blob is looked at. */
  readonly layer?: {
    readonly tree: string;
    readonly diffId: string;
    readonly droppedXattrs: readonly string[];
  };
}

export interface Verified {
  /** In words; undefined where it is what its digest says. */
  readonly blobFault: string | undefined;
  /** None where the blob is not to be trusted: there is nothing to hold the directory against. */
  readonly differences: Differences | undefined;
}

const PIECE = 1024 * 1024;

/** `onProgress` is told the bytes read since the last call. What cannot be read (EIO) is a fault like any other. */
export async function verifyLayer(job: VerifyJob, onProgress: (bytes: number) => void): Promise<Verified> {
  const { blob, digest, layer } = job;
  const hash = createHash("sha256");
  const bytes = hashed(blob, (chunk) => {
    hash.update(chunk);
    onProgress(chunk.length);
  });
  const expected = new ExpectedTree();
  let fault: string | undefined;
  try {
    if (layer !== undefined) await readTar(bytes, expected, layer.diffId);
  } catch (error) {
    fault = wordsOf(error);
  }
  // A decompressor may stop before the end; and where its data was damaged, the digest says it best.
  const unreadable = await drained(bytes);
  fault = unreadable ?? fault;
  const actual = `sha256:${hash.digest("hex")}`;
  if (actual !== digest && !unreadable) fault = `its content has the digest ${actual}`;
  if (fault !== undefined || layer === undefined) return { blobFault: fault, differences: undefined };
  return { blobFault: undefined, differences: compared(layer, expected, onProgress) };
}

function compared(
  { tree, droppedXattrs }: NonNullable<VerifyJob["layer"]>,
  expected: ExpectedTree,
  onRead: (bytes: number) => void,
): Differences {
  try {
    return compareTree(tree, expected, { droppedXattrs: new Set(droppedXattrs), onRead });
  } catch (error) {
    return { count: 1, first: [wordsOf(error)] };
  }
}

async function drained(bytes: AsyncIterable<Buffer>): Promise<string | undefined> {
  try {
    for await (const _ of bytes);
    return undefined;
  } catch (error) {
    return wordsOf(error);
  }
}

/** Of a fault of the content, or of a call that failed; anything else is a bug and is thrown. */
function wordsOf(error: unknown): string {
  const { syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof TsrunError || syscall !== undefined) return message;
  throw error;
}

async function readTar(bytes: AsyncIterable<Buffer>, expected: ExpectedTree, diffId: string): Promise<void> {
  const tar = new TarReader(expected);
  const hash = createHash("sha256");
  for await (const chunk of decompress(bytes)) {
    hash.update(chunk);
    tar.push(chunk);
  }
  tar.finish();
  const actual = `sha256:${hash.digest("hex")}`;
  if (actual === diffId) return;
  throw new TsrunError("ERR_TSRUN_DIGEST_MISMATCH", `it decompresses to ${actual}, not to ${diffId}`);
}

/** Iterating again goes on where it was left. */
function hashed(path: string, see: (chunk: Buffer) => void): AsyncIterable<Buffer> {
  const iterator = createReadStream(path, { highWaterMark: PIECE })[
    Symbol.asyncIterator
  ]() as AsyncIterator<Buffer>;
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const step = await iterator.next();
        if (!step.done) see(step.value);
        return step;
      },
    }),
  };
}
