/**
 * A layer held against its blob, in one pass over either:
 *
 *     blob ─┬─ sha256 (digest)
 *           └─ decompress ─┬─ sha256 (diff id)
 *                          └─ tar ── what is to be there ── the directory
 *
 * Memory grows with the number of entries (about a kilobyte each), not with their size.
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
  const bytes = new BlobReader(blob, onProgress);
  const expected = new ExpectedTree();
  let fault: string | undefined;
  try {
    if (layer !== undefined) await readTar(bytes, expected, layer.diffId);
    // A decompressor may stop before the end.
    for await (const _ of bytes);
  } catch (error) {
    fault = wordsOf(error);
  }
  // Where the data was damaged, that the bytes are not those of the digest says it best.
  fault = (await bytes.fault(digest)) ?? fault;
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

/** Of a fault of the content, or of a call that failed; anything else is a bug and is thrown. */
function wordsOf(error: unknown): string {
  const { syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof TsrunError || syscall !== undefined) return message;
  throw error;
}

async function readTar(bytes: AsyncIterable<Buffer>, expected: ExpectedTree, diffId: string): Promise<void> {
  const tar = new TarReader(expected);
  let actual = "";
  const onDigest = (digest: string) => {
    actual = digest;
  };
  for await (const chunk of decompress(bytes, onDigest)) tar.push(chunk);
  tar.finish();
  if (actual === diffId) return;
  throw new TsrunError("ERR_TSRUN_DIGEST_MISMATCH", `it decompresses to ${actual}, not to ${diffId}`);
}

/** The bytes of a blob and their digest. Iterating again goes on where it was left. */
class BlobReader implements AsyncIterable<Buffer> {
  readonly #iterator: AsyncIterator<Buffer>;
  readonly #onRead: (bytes: number) => void;
  readonly #hash = createHash("sha256");
  #failure: unknown;

  constructor(path: string, onRead: (bytes: number) => void) {
    this.#iterator = createReadStream(path, { highWaterMark: PIECE })[Symbol.asyncIterator]();
    this.#onRead = onRead;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return { next: () => this.#next() };
  }

  /** Reads what is left; in words why these are not the bytes of the digest. */
  async fault(digest: string): Promise<string | undefined> {
    try {
      for await (const _ of this);
    } catch (error) {
      this.#failure ??= error;
    }
    if (this.#failure !== undefined) return wordsOf(this.#failure);
    const actual = `sha256:${this.#hash.digest("hex")}`;
    return actual === digest ? undefined : `its content has the digest ${actual}`;
  }

  async #next(): Promise<IteratorResult<Buffer>> {
    try {
      const step = await this.#iterator.next();
      if (!step.done) {
        this.#hash.update(step.value);
        this.#onRead(step.value.length);
      }
      return step;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}
