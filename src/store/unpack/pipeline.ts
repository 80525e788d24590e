/**
 * One layer, from the bytes that a registry sends to files on disk, in one pass:
 *
 *     source ─┬─ sha256 (digest), size
 *             ├─ the blob's file
 *             └─ decompress, sha256 (diff id) ─┬─ limit
 *                                              └─ tar ── files
 *
 * What is on disk afterwards is in the job's own places; only the caller makes it visible, once this has returned.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { TsrunError } from "../../errors.ts";
import { digestMismatch } from "../digest.ts";
import { WriteBack } from "../write-back.ts";
import { writeFully } from "../write-fully.ts";
import { printable } from "./bytes.ts";
import { decompress } from "./decompress.ts";
import { LayerTree } from "./layer-tree.ts";
import { overLimit } from "./refusals.ts";
import { TarReader } from "./tar-reader.ts";

export interface UnpackJob {
  /** Files to be made: the blob, and the directory of the layer. */
  readonly blob: string;
  readonly tree: string;
  /** What must come out. */
  readonly digest: string;
  readonly size: number;
  readonly diffId: string;
  readonly limits: LayerLimits;
}

export interface LayerLimits {
  /** A layer must have fewer entries than this. */
  readonly entries: number;
  /** The most bytes that it may decompress to. */
  readonly bytes: number;
}

export interface Unpacked {
  readonly size: number;
  readonly entries: number;
  readonly droppedXattrs: string[];
}

/** Runs the pipeline; an error of `source` is thrown as it is, everything else is a TsrunError. */
export async function unpackLayer(job: UnpackJob, source: AsyncIterable<Uint8Array>): Promise<Unpacked> {
  const iterator = source[Symbol.asyncIterator]();
  const blob = new BlobWriter(job);
  const received = receive(iterator, blob);
  try {
    const unpacked = await unpackTree(job, received).catch(async (error) => {
      // Damaged bytes break the decompression before all have arrived. That they are not the bytes asked for is the
      // better explanation, and it takes the rest of them to tell.
      if (error instanceof TsrunError && error.code === "ERR_TSRUN_LAYER_CORRUPT")
        await drainAndVerify(received, blob);
      throw error;
    });
    // A decompressor may stop before the end of the blob, at trailing bytes that it has no use for.
    await drainAndVerify(received, blob);
    return unpacked;
  } catch (error) {
    // Not awaited: a source that is waiting for its network may take its time to end.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
    throw error;
  } finally {
    blob.close();
  }
}

async function drainAndVerify(received: AsyncIterable<Buffer>, blob: BlobWriter): Promise<void> {
  for await (const _ of received);
  blob.verify();
}

/** The blob's file, its digest and its size so far. */
class BlobWriter {
  readonly #job: UnpackJob;
  readonly #fd: number;
  readonly #hash = createHash("sha256");
  #received = 0;
  readonly #writeBack: WriteBack;

  constructor(job: UnpackJob) {
    this.#job = job;
    this.#fd = openSync(job.blob, "wx", 0o644);
    // Only a push reads it, or a check.
    this.#writeBack = new WriteBack(this.#fd, { isKept: false });
  }

  write(bytes: Uint8Array): void {
    this.#received += bytes.length;
    if (this.#received > this.#job.size) throw this.#wrongSize("more than");
    this.#hash.update(bytes);
    writeFully(this.#fd, bytes, this.#job.blob);
    this.#writeBack.wrote(bytes.length);
  }

  /** Throws where the bytes are not those of the job. */
  verify(): void {
    if (this.#received !== this.#job.size) throw this.#wrongSize(`${this.#received} bytes instead of`);
    const actual = `sha256:${this.#hash.digest("hex")}`;
    const expected = this.#job.digest;
    if (actual !== expected) throw digestMismatch("what was received", { expected, actual });
  }

  close(): void {
    this.#writeBack.ended();
    closeSync(this.#fd);
  }

  #wrongSize(what: string): TsrunError {
    return new TsrunError(
      "ERR_TSRUN_SIZE_MISMATCH",
      `received ${what} the ${this.#job.size} bytes that it should have`,
      {
        hint: "the connection ended early, or the registry serves something else: try again",
      },
    );
  }
}

/**
 * Passes the source's bytes on once they are in the blob. Iterating again goes on where it was left, after a step that
 * a decompressor which has failed meanwhile still waits for; an error of that step is everybody's.
 */
function receive(iterator: AsyncIterator<Uint8Array>, blob: BlobWriter): AsyncIterable<Buffer> {
  const receiveOne = async (): Promise<IteratorResult<Buffer, undefined>> => {
    const step = await iterator.next();
    if (step.done) return { done: true, value: undefined };
    blob.write(step.value);
    const { buffer, byteOffset, length } = step.value;
    return { done: false, value: Buffer.from(buffer, byteOffset, length) };
  };
  let last: Promise<unknown> = Promise.resolve();
  const next = () => {
    const step = last.then(receiveOne);
    last = step;
    return step;
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

async function unpackTree(job: UnpackJob, received: AsyncIterable<Buffer>): Promise<Unpacked> {
  const tree = new LayerTree(job.tree, job.limits.entries);
  const tar = new TarReader(tree);
  let actual = "";
  const onDigest = (digest: string) => {
    actual = digest;
  };
  let bytes = 0;
  try {
    for await (const chunk of decompress(received, onDigest)) {
      bytes += chunk.length;
      if (bytes > job.limits.bytes) {
        throw overLimit(`its ${job.size} bytes decompress to more than the ${job.limits.bytes} allowed`);
      }
      onDisk(tree, () => tar.push(chunk));
    }
    tar.finish();
    if (actual !== job.diffId)
      throw digestMismatch("its uncompressed form", { expected: job.diffId, actual });
    onDisk(tree, () => tree.finish());
  } finally {
    tree.abandon();
  }
  return { size: tree.size, entries: tree.entries, droppedXattrs: tree.droppedXattrs };
}

/** Explains the kernel's refusals by the entry that met them. */
function onDisk(tree: LayerTree, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof TsrunError) throw error;
    const { code } = error as { code?: string };
    const { message } = error as Error;
    throw new TsrunError("ERR_TSRUN_LAYER_UNPACK", `cannot unpack ${printable(tree.current)}: ${message}`, {
      hint:
        code === "ENOSPC" || code === "EDQUOT"
          ? "there is no space left below tsrun's data root: remove images or containers"
          : "see the message for what the kernel refused",
      cause: error,
    });
  }
}
