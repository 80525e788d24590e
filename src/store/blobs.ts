/** Content-addressed blobs: a file has the name blobs/sha256/<hex> only once its bytes were verified. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestMismatch, digestOf, hexOf } from "./digest.ts";
import { syncDirectory } from "./documents.ts";
import { blobsDir, type Paths } from "./paths.ts";

/** Where the blob of that digest is, or would be. */
export function blobPath(paths: Paths, digest: string): string {
  return join(blobsDir(paths), hexOf(digest));
}

/** Whether the blob is in the store. */
export function hasBlob(paths: Paths, digest: string): boolean {
  return existsSync(blobPath(paths, digest));
}

/**
 * The bytes of a small blob (a manifest, an index, a configuration), verified again; undefined where it is missing,
 * or was damaged on disk: whoever can fetch it again does, and putBlob replaces it.
 */
export function readBlob(paths: Paths, digest: string): Buffer | undefined {
  const bytes = readBlobUnverified(paths, digest);
  return bytes !== undefined && digestOf(bytes) === digest ? bytes : undefined;
}

/**
 * The bytes of a small blob as they were verified when they came in. For the way to a running container, where
 * hashing (and loading node:crypto for it, 5 ms) would be a good part of the whole.
 */
export function readBlobUnverified(paths: Paths, digest: string): Buffer | undefined {
  try {
    return readFileSync(blobPath(paths, digest));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Puts bytes into the store, durably, under their digest; ERR_TSRUN_DIGEST_MISMATCH where it is not theirs. */
export function putBlob(paths: Paths, digest: string, bytes: Uint8Array): void {
  using staged = stageBlob(paths, digest, bytes, { durable: true });
  staged.publish();
  syncDirectory(blobsDir(paths));
}

/** A blob without its name; disposal removes it if it has got none. */
export interface StagedBlob extends Disposable {
  /** Names it: not before its bytes are on disk. */
  publish(): void;
}

let staged = 0;

/**
 * Writes bytes that get their name later, `durable` where they are synced now and not with others'.
 * ERR_TSRUN_DIGEST_MISMATCH where the digest is not theirs.
 */
export function stageBlob(
  paths: Paths,
  digest: string,
  bytes: Uint8Array,
  { durable }: { durable: boolean },
): StagedBlob {
  const actual = digestOf(bytes);
  const path = blobPath(paths, digest);
  if (actual !== digest)
    throw digestMismatch(`a blob of ${bytes.length} bytes`, { expected: digest, actual });
  mkdirSync(blobsDir(paths), { recursive: true, mode: 0o700 });
  staged += 1;
  // One that a killed process leaves behind is not a digest by its name, and goes with the next collection.
  const temporary = `${path}.${process.pid}-${staged}.tmp`;
  const discard = () => rmSync(temporary, { force: true });
  try {
    writeFileSync(temporary, bytes, { mode: 0o644, flush: durable });
  } catch (error) {
    discard();
    throw error;
  }
  return { publish: () => renameSync(temporary, path), [Symbol.dispose]: discard };
}
