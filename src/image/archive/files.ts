/**
 * An image archive as the files in it, whatever holds them: a tar archive (tar-files.ts) or a directory
 * (directory-files.ts). Everything in it is hostile until its digest was checked.
 */
import { posix } from "node:path";
import { TsrunError } from "../../errors.ts";
import { hexOf } from "../../store/digest.ts";
import { printable } from "../../store/unpack/bytes.ts";
import { DOCUMENT_LIMIT } from "../manifest.ts";

/** To be disposed of after use. */
export interface ArchiveFiles extends Disposable {
  /** Bytes of a file; undefined where there is none of that name. */
  size(name: string): number | undefined;
  /** A file's bytes from its beginning, as they come. Throws ERR_TSRUN_ARCHIVE_INVALID where there is none. */
  stream(name: string): AsyncIterable<Buffer>;
}

/** Where the layout keeps a blob (image-spec image-layout.md). */
export const blobName = (digest: string): string => `blobs/sha256/${hexOf(digest)}`;

/** A whole document; throws ERR_TSRUN_ARCHIVE_INVALID where it is missing or too large to be one. */
export async function readDocument(files: ArchiveFiles, name: string): Promise<Buffer> {
  const size = files.size(name);
  if (size === undefined) throw missingFile(name);
  if (size > DOCUMENT_LIMIT)
    throw invalidArchive(`its ${name} has ${size} bytes, more than the ${DOCUMENT_LIMIT} of any sane one`);
  const chunks: Buffer[] = [];
  for await (const chunk of files.stream(name)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A name in an archive in its one form, "blobs/sha256/…"; ERR_TSRUN_ARCHIVE_INVALID for what no archiver makes. */
export function nameInside(name: string): string {
  if (name.startsWith("/") || name.split("/").includes("..")) throw leadsOut(name);
  return posix.normalize(name).replace(/\/$/, "");
}

/** The name that a symbolic link in `directory` ("" or "a/b/") leads to; ERR_TSRUN_ARCHIVE_INVALID where that is outside. */
export function linkInside(target: string, directory: string): string {
  const path = posix.join(directory, target);
  if (target.startsWith("/") || path === ".." || path.startsWith("../")) throw leadsOut(target);
  return path;
}

const leadsOut = (name: string): TsrunError => invalidArchive(`${printable(name)} leads out of the archive`);

export const missingFile = (name: string): TsrunError => invalidArchive(`it lacks the file ${name}`);

export function invalidArchive(what: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_ARCHIVE_INVALID", `the image archive is not valid: ${what}`, {
    hint: "`tsrun load` takes what `docker save`, `podman save` or `skopeo copy` have written; nothing of it was kept",
    cause,
  });
}
