/**
 * The digests of a context's files. Those of larger files are remembered from one build to the next by what stat(2) says
 * of the file, so that a build that has nothing to do does not read a large context again.
 */
import { createHash, hash } from "node:crypto";
import { type BigIntStats, closeSync, mkdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../../errors.ts";
import type { RawPath } from "../../kernel/files.ts";
import { buildDir } from "../../store/build-cache.ts";
import { readDocument, writeDocument } from "../../store/documents.ts";
import type { Paths } from "../../store/paths.ts";
import { openFound } from "../copy/open-found.ts";

export interface FileDigests {
  /** Of a regular file's content; hexadecimal. */
  digest(file: RawPath, stat: BigIntStats): string;
  /** Writes down what has been found since. */
  save(): void;
}

/** To read and digest less than this takes no longer than to look it up. */
const SMALL = 8n * 1024n;
const PIECE = 256 * 1024;
/** A file may change again without a new time if that is as young as the clock of the filesystem is coarse. */
const YOUNG_NS = 2_000_000_000n;

/** Nothing is remembered: files of layers, say, of which is known what they are. */
export const transientDigests: FileDigests = { digest: (file) => digestOf(file), save() {} };

interface Remembered {
  version: 1;
  files: Record<string, string>;
}

/** Those of one directory of the host, by its path. */
export function openFileDigests(paths: Paths, directory: string): FileDigests {
  const folder = join(buildDir(paths), "contexts");
  const document = join(folder, `${hash("sha256", directory, "hex").slice(0, 32)}.json`);
  const known = readKnown(document);
  const seen: Record<string, string> = {};
  let isChanged = false;
  const now = BigInt(Date.now()) * 1_000_000n;
  return {
    digest(file, stat) {
      if (stat.size < SMALL) return digestOf(file);
      const key = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(":");
      const remembered = known[key];
      const digest = remembered ?? digestOf(file);
      if (now - stat.ctimeNs > YOUNG_NS && now - stat.mtimeNs > YOUNG_NS) {
        seen[key] = digest;
        isChanged ||= remembered === undefined;
      }
      return digest;
    },
    save() {
      if (!isChanged) return;
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeDocument(document, { version: 1, files: { ...known, ...seen } } satisfies Remembered, {
        durable: false,
      });
      isChanged = false;
    },
  };
}

function readKnown(document: string): Readonly<Record<string, string>> {
  try {
    return readDocument<Remembered>(document)?.files ?? {};
  } catch (error) {
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_DOCUMENT_CORRUPT") return {};
    throw error;
  }
}

let buffer: Buffer | undefined;

function digestOf(file: RawPath): string {
  const fd = openFound(file);
  try {
    buffer ??= Buffer.allocUnsafeSlow(PIECE);
    let count = readSync(fd, buffer, 0, PIECE, null);
    if (count < PIECE) return hash("sha256", buffer.subarray(0, count), "hex");
    const digest = createHash("sha256");
    for (; count > 0; count = readSync(fd, buffer, 0, PIECE, null)) digest.update(buffer.subarray(0, count));
    return digest.digest("hex");
  } finally {
    closeSync(fd);
  }
}
