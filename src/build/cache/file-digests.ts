/**
 * The contents of a context's files, by their digests, remembered from one build to the next by what stat(2) says of the
 * files: so a build that has nothing to do reads no context again.
 *
 * That is safe where every change of a file gives it another ctime, which nobody can set back. Three things could be in the
 * way: a change within the same tick of the filesystem's clock, so what is as young as that is read again, as git does
 * with its index; a change between stat(2) and read(2), so both have to be of the same; and filesystems whose
 * numbers mean something else, so others than this host's own are not relied on.
 */
import { type BigIntStats, closeSync, fstatSync, mkdirSync, readSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../../errors.ts";
import type { RawPath } from "../../kernel/files.ts";
import { sha256 } from "../../kernel/sha256.ts";
import { contextDigestsDir } from "../../store/build-cache.ts";
import { readDocument, writeDocument } from "../../store/documents.ts";
import type { Paths } from "../../store/paths.ts";
import { openFound } from "../copy/open-found.ts";
import { type PortableXattr, portableXattrs } from "../copy/portable-xattrs.ts";

/** What a file has in it. */
export interface Content {
  /** Hexadecimal. */
  readonly digest: string;
  readonly xattrs: readonly PortableXattr[];
}

export interface FileDigests {
  /** Of a regular file, of which lstat(2) says that. */
  content(file: RawPath, stat: BigIntStats): Content;
  /** Writes down what has been found since, unless the disk is full: then it will be found again. */
  save(): void;
}

/** Nothing is remembered: files of layers, say, of which is known what they are. */
export const transientDigests: FileDigests = { content: (file) => read(file).content, save() {} };

interface Remembered {
  version: 2;
  /** By what stat(2) says; of a file without attributes the digest alone. */
  files: Readonly<Record<string, string | Content>>;
}

/** Longer than the tick of any filesystem's clock. */
const YOUNG_NS = 2_000_000_000n;

/** What of other states of the files, and of files that other Dockerfiles copy, is kept beside those seen now. */
const KEPT_BESIDE = 4;
const KEPT_AT_LEAST = 1024;

/** Those of one directory of the host, by its path. `now` is for tests: milliseconds since 1970. */
export function openFileDigests(
  paths: Paths,
  directory: string,
  { now = Date.now() }: { now?: number } = {},
): FileDigests {
  const folder = contextDigestsDir(paths);
  const document = join(folder, `${sha256(directory).slice(0, 32)}.json`);
  const known = readKnown(document);
  const seen = new Map<string, string | Content>();
  const isOurs = ownFilesystems();
  const before = BigInt(now) * 1_000_000n - YOUNG_NS;
  let isChanged = false;
  return {
    content(file, stat) {
      const key = keyOf(stat);
      const remembered = known.get(key);
      if (remembered !== undefined) {
        seen.set(key, remembered);
        return typeof remembered === "string" ? { digest: remembered, xattrs: [] } : remembered;
      }
      const { content, stat: opened } = read(file);
      const isLasting = stat.ctimeNs < before && stat.mtimeNs < before && keyOf(opened) === key;
      if (isLasting && isOurs(file, stat.dev)) {
        seen.set(key, content.xattrs.length === 0 ? content.digest : content);
        isChanged = true;
      }
      return content;
    },
    save() {
      if (!isChanged) return;
      isChanged = false;
      const isCrowded = known.size > KEPT_AT_LEAST && known.size > KEPT_BESIDE * seen.size;
      const files = Object.fromEntries(isCrowded ? seen : [...known, ...seen]);
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeDocument(document, { version: 2, files } satisfies Remembered, { durable: false });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      }
    },
  };
}

const keyOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;

function readKnown(document: string): ReadonlyMap<string, string | Content> {
  try {
    const remembered = readDocument<Remembered>(document);
    return new Map(remembered?.version === 2 ? Object.entries(remembered.files) : []);
  } catch (error) {
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_DOCUMENT_CORRUPT") return new Map();
    throw error;
  }
}

/**
 * statfs(2), f_type of ext4 and the like, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS and bcachefs. NFS, FUSE and FAT have the
 * clocks of others, or change without a ctime.
 */
const OWN: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e,
]);

/** Whether a file's filesystem is one of this host's own; asked once for each. */
function ownFilesystems(): (file: RawPath, dev: bigint) => boolean {
  const known = new Map<bigint, boolean>();
  return (file, dev) => {
    let isOwn = known.get(dev);
    if (isOwn === undefined) {
      isOwn = OWN.has(statfsSync(file).type);
      known.set(dev, isOwn);
    }
    return isOwn;
  };
}

const PIECE = 256 * 1024;
let buffer: Buffer | undefined;

function read(file: RawPath): { content: Content; stat: BigIntStats } {
  const fd = openFound(file);
  try {
    const digest = digestOf(fd);
    const xattrs = portableXattrs(`/proc/self/fd/${fd}`);
    // Last, so that no change until now is missed.
    return { content: { digest, xattrs }, stat: fstatSync(fd, { bigint: true }) };
  } finally {
    closeSync(fd);
  }
}

function digestOf(fd: number): string {
  buffer ??= Buffer.allocUnsafeSlow(PIECE);
  let count = readSync(fd, buffer, 0, PIECE, null);
  if (count < PIECE) return sha256(buffer.subarray(0, count));
  const digest = process.getBuiltinModule("node:crypto").createHash("sha256");
  for (; count > 0; count = readSync(fd, buffer, 0, PIECE, null)) digest.update(buffer.subarray(0, count));
  return digest.digest("hex");
}
