/** Content-addressed blobs: a file has the name blobs/sha256/<hex> only once its bytes were verified. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
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
  const actual = digestOf(bytes);
  const path = blobPath(paths, digest);
  if (actual !== digest)
    throw digestMismatch(`a blob of ${bytes.length} bytes`, { expected: digest, actual });
  mkdirSync(blobsDir(paths), { recursive: true, mode: 0o700 });
  // One that a killed process leaves behind is not a digest by its name, and goes with the next collection.
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const fd = openSync(temporary, "w", 0o644);
    try {
      writeFileSync(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(blobsDir(paths));
}
