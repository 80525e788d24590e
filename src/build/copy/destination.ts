/** A root that files are copied into: every path is looked up inside it, and nothing is made outside. */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { posix } from "node:path";
import { futimes, lutimes, mknod, type RawPath } from "../../kernel/files.ts";
import { O_PATH, openInRoot } from "../../kernel/openat2.ts";
import { xattrsOf } from "../../kernel/xattr.ts";
import { isPortableXattr } from "../../store/pack/entries.ts";
import { fromPath, printable, toPath } from "../../store/unpack/bytes.ts";
import { applyXattrs } from "../../store/unpack/metadata.ts";
import type { ModeChange } from "./mode.ts";
import { openFound } from "./open-found.ts";
import { conflict, isMissing, resolveInside, split } from "./resolve.ts";
import type { FoundFile } from "./sources.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface CopyRules {
  /** Whose everything is; undefined: of whoever it was. */
  readonly owner: Owner | undefined;
  readonly mode: ModeChange | undefined;
  /** Of directories that are made on the way. */
  readonly madeBy: Owner;
}

const { O_DIRECTORY, O_NOFOLLOW, O_WRONLY, O_CREAT, O_EXCL } = constants;
/** What is copied at once; a larger file is copied by another thread. */
const SMALL = 256 * 1024;

export class Destination {
  readonly #root: number;
  readonly #rules: CopyRules;
  #parent: { path: string; fd: number } | undefined;
  /** Directories whose times are set when nothing more comes into them. */
  readonly #directories = new Map<string, FoundFile>();
  readonly #links = new Map<string, RawPath>();
  #buffer: Buffer | undefined;

  constructor(root: number, rules: CopyRules) {
    this.#root = root;
    this.#rules = rules;
  }

  /** Where a path leads to in the end, along links also where there is nothing yet. */
  resolve(path: string): string {
    return resolveInside(this.#root, path);
  }

  /** What is at a path (a byte string); undefined where there is nothing. */
  isDirectory(path: string): boolean | undefined {
    try {
      const fd = openInRoot(this.#root, toPath(`/${path}`), O_PATH);
      try {
        return fstatSync(fd).isDirectory();
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Opens a directory, made with all on the way to it where it is missing; the caller closes it. */
  openDirectory(path: string): number {
    try {
      return openInRoot(this.#root, toPath(`/${path}`), O_PATH | O_DIRECTORY);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "ENOTDIR") throw conflict(`cannot copy to non-directory: /${path}`);
      if (code !== "ENOENT" || path === "") throw error;
    }
    const [parent, name] = split(path);
    const fd = this.openDirectory(parent);
    try {
      const made = toPath(`/proc/self/fd/${fd}/${name}`);
      mkdirSync(made, 0o755);
      lchownSync(made, this.#rules.madeBy.uid, this.#rules.madeBy.gid);
      chmodSync(made, 0o755);
      return openSync(made, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    } finally {
      closeSync(fd);
    }
  }

  /** Copies a file to a path; a directory is made, and gets its metadata from finish(). */
  async copy(found: FoundFile, path: string): Promise<void> {
    const [parent, name] = split(path);
    const target = toPath(`/proc/self/fd/${this.#directory(parent)}/${name}`);
    const existing = lstatSync(target, { throwIfNoEntry: false });
    const { stat } = found;
    if (stat.isDirectory()) {
      if (existing && !existing.isDirectory()) throw conflict(`cannot copy to non-directory: /${path}`);
      if (!existing) mkdirSync(target, 0o700);
      this.#directories.set(path, found);
      return;
    }
    if (existing?.isDirectory()) throw conflict(`cannot replace to directory ${printable(path)} with file`);
    if (existing) unlinkSync(target);
    const key = stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : undefined;
    const first = key === undefined ? undefined : this.#links.get(key);
    if (first !== undefined) {
      linkSync(first, target);
      return;
    }
    await this.#make(found, target);
    if (key !== undefined) this.#links.set(key, this.#lasting(path));
  }

  /** A file that is written here. */
  write(path: string, content: Buffer): void {
    const [parent, name] = split(path);
    const target = toPath(`/proc/self/fd/${this.#directory(parent)}/${name}`);
    const existing = lstatSync(target, { throwIfNoEntry: false });
    if (existing?.isDirectory()) throw conflict(`cannot replace to directory ${printable(path)} with file`);
    if (existing) unlinkSync(target);
    const fd = openSync(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      for (let at = 0; at < content.length; ) at += writeSync(fd, content, at);
    } finally {
      closeSync(fd);
    }
    const { uid, gid } = this.#rules.owner ?? { uid: 0, gid: 0 };
    lchownSync(target, uid, gid);
    chmodSync(target, this.#rules.mode?.(0o644, false) ?? 0o644);
  }

  /** After the last file: filling directories has changed their times. */
  finish(): void {
    const deepestFirst = [...this.#directories].sort(([a], [b]) => (a < b ? 1 : -1));
    for (const [path, found] of deepestFirst) {
      const fd = openInRoot(this.#root, toPath(`/${path}`), O_DIRECTORY);
      try {
        this.#dress(`/proc/self/fd/${fd}/.`, found);
        const time = timeOf(found.stat.mtimeNs);
        futimes(fd, time, time);
      } finally {
        closeSync(fd);
      }
    }
    this.#directories.clear();
    this.close();
  }

  /** Also after a failure. */
  close(): void {
    if (this.#parent) closeSync(this.#parent.fd);
    this.#parent = undefined;
  }

  #directory(path: string): number {
    if (this.#parent?.path === path) return this.#parent.fd;
    const fd = this.openDirectory(path);
    this.close();
    this.#parent = { path, fd };
    return fd;
  }

  /** A name that stays good, unlike that of a descriptor. */
  #lasting(path: string): RawPath {
    return toPath(`/proc/self/fd/${this.#root}/${path}`);
  }

  async #make(found: FoundFile, target: RawPath): Promise<void> {
    const { file, stat } = found;
    if (stat.isSymbolicLink()) {
      symlinkSync(toPath(readlinkSync(file, "latin1")), target);
      const { uid, gid } = this.#ownerOf(found);
      lchownSync(target, uid, gid);
    } else if (stat.isFile()) {
      if (stat.size <= BigInt(SMALL)) this.#copySmall(file, target);
      else await copyLarge(file, target);
      this.#dress(target, found);
    } else if (stat.isSocket()) {
      return; // no layer can hold one
    } else {
      mknod(target, Number(stat.mode & 0o170000n) | 0o600, deviceOf(stat.rdev));
      this.#dress(target, found);
    }
    const time = timeOf(stat.mtimeNs);
    lutimes(target, time, time);
  }

  #copySmall(file: RawPath, target: RawPath): void {
    this.#buffer ??= Buffer.allocUnsafeSlow(SMALL + 1);
    const source = openFound(file);
    try {
      const out = openSync(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        for (let count = -1; count !== 0; ) {
          count = readSync(source, this.#buffer, 0, this.#buffer.length, null);
          for (let at = 0; at < count; ) at += writeSync(out, this.#buffer, at, count - at);
        }
      } finally {
        closeSync(out);
      }
    } finally {
      closeSync(source);
    }
  }

  #ownerOf({ stat }: FoundFile): Owner {
    return this.#rules.owner ?? { uid: Number(stat.uid), gid: Number(stat.gid) };
  }

  /** Owner, mode and attributes; chown(2) goes first, since it clears setuid bits and capabilities. */
  #dress(target: RawPath, found: FoundFile): void {
    const { stat, file } = found;
    const { uid, gid } = this.#ownerOf(found);
    const mode = Number(stat.mode & 0o7777n);
    chownSync(target, uid, gid);
    chmodSync(target, this.#rules.mode?.(mode, stat.isDirectory()) ?? mode);
    const xattrs = xattrsOf(file);
    for (const name of xattrs?.keys() ?? []) if (!isPortableXattr(name)) xattrs?.delete(name);
    applyXattrs(target, xattrs);
  }
}

/** By another thread, which moves the bytes inside the kernel where it can. */
async function copyLarge(file: RawPath, target: RawPath): Promise<void> {
  await copyFile(file, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
}

const BILLION = 1_000_000_000n;

function timeOf(nanoseconds: bigint): { seconds: number; nanoseconds: number } {
  const rest = ((nanoseconds % BILLION) + BILLION) % BILLION;
  return { seconds: Number((nanoseconds - rest) / BILLION), nanoseconds: Number(rest) };
}

/** As glibc packs a dev_t: major(3). */
const deviceOf = (rdev: bigint): { major: number; minor: number } => ({
  major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
  minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
});

/** A path below the root, clean and as a byte string: "a/b" for "/a/./b/". */
export const placeOf = (path: string): string => fromPath(posix.resolve("/", path).slice(1));
