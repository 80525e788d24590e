/** Putting good bytes into the place of a blob that is missing or damaged. */
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { blobPath } from "../blobs.ts";
import { digestMismatch } from "../digest.ts";
import { syncDirectory } from "../documents.ts";
import { blobsDir, type Paths } from "../paths.ts";
import { openScratch } from "../scratch.ts";

/** Throws ERR_TSRUN_DIGEST_MISMATCH where the bytes are not the blob's, and errors of `source` as they are. */
export async function renewBlob(
  paths: Paths,
  digest: string,
  source: AsyncIterable<Uint8Array>,
): Promise<void> {
  using scratch = openScratch(paths);
  const file = join(scratch.path, "blob");
  const hash = createHash("sha256");
  const fd = openSync(file, "wx", 0o644);
  try {
    for await (const chunk of source) {
      hash.update(chunk);
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  const actual = `sha256:${hash.digest("hex")}`;
  if (actual !== digest) throw digestMismatch("what was received", { expected: digest, actual });
  mkdirSync(blobsDir(paths), { recursive: true, mode: 0o700 });
  renameSync(file, blobPath(paths, digest));
  syncDirectory(blobsDir(paths));
}
