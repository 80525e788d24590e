/**
 * Unpacks an archive into a tree that exists and that somebody else may be changing meanwhile: a container's root, or
 * a directory of the user's. Every directory is looked up by a call that cannot leave the tree, whatever links are in
 * it (openat2(2)), and everything else is done from its descriptor, without following a link (CVE-2018-15664).
 *
 * What is in the place of an entry is replaced, but for directories: those are merged, and are never exchanged for
 * something else, nor something else for one.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  type Stats,
  symlinkSync,
} from "node:fs";
import { TsrunError } from "../../errors.ts";
import { futimes, mknod, type RawPath } from "../../kernel/files.ts";
import { O_PATH } from "../../kernel/openat2.ts";
import { requireMappedIds } from "../unmapped-id.ts";
import { printable, toPath } from "./bytes.ts";
import { EntryFile } from "./entry-file.ts";
import { relativePath } from "./entry-name.ts";
import { applyXattrs, checkMetadata } from "./metadata.ts";
import { finishLink, finishNode, nodeType, openIfThere, remove } from "./shared-files.ts";
import type { TarEntry, TarSink } from "./tar-reader.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

export interface RootTreeOptions {
  /** Opens a path of the tree (a byte string or Buffer) without ever leaving it; throws errors with a `code`. */
  open(path: RawPath, flags: number): number;
  /** The directory that names in the archive are relative to, as `open` takes it; a byte string. */
  directory: string;
  /** Another name for an entry: paths without "./", "" for the archive's root. */
  rename?: (path: string) => string;
  /**
   * Who is to own everything. Without it the archive's ids are kept, and its extended attributes. With it, what an
   * owner lends to others (setuid, setgid, capabilities) goes where it was another's: chown(2) does the same.
   */
  owner?: Owner | undefined;
  /** With `owner`: what the archive says of setuid, setgid and attributes is meant for that owner. */
  keepsPrivileges?: boolean;
  /** Who an owner is on this host; without, they are the same. */
  ownerOnHost?: ((owner: Owner) => Owner) | undefined;
}

interface Owner {
  uid: number;
  gid: number;
}

interface Made {
  entry: TarEntry;
  /** Which directory it was, to know it again. */
  inode: string;
}

export class RootTree implements TarSink {
  readonly #options: RootTreeOptions;
  readonly #directories = new Map<string, Made>();
  #parent: { path: string; fd: number } | undefined;
  #file: EntryFile | undefined;
  /** The name of the entry at work, for an error's message. */
  current = "";

  constructor(options: RootTreeOptions) {
    this.#options = options;
  }

  entry(archived: TarEntry): void {
    this.current = archived.name;
    checkMetadata(archived);
    const entry = this.#owned(archived);
    requireMappedIds(entry.uid, entry.gid);
    const path = this.#pathOf(entry.name);
    if (path === "") {
      if (entry.type !== "directory") throw conflict(`its root is not a directory`);
      return; // the destination keeps its own metadata
    }
    const slash = path.lastIndexOf("/");
    const parent = this.#directory(slash < 0 ? "" : path.slice(0, slash));
    const target = toPath(`/proc/self/fd/${parent}/${path.slice(slash + 1)}`);
    this.#make(entry, { path, target });
  }

  data(chunk: Buffer, start: number, end: number): void {
    this.#file?.write(chunk, start, end);
  }

  end(): void {
    const file = this.#file;
    this.#file = undefined;
    file?.finish();
  }

  /** After the last entry: directories get their metadata now, since filling them has changed their times. */
  finish(): void {
    const deepestFirst = [...this.#directories].sort(([a], [b]) => (a < b ? 1 : -1));
    for (const [path, made] of deepestFirst) this.#finishDirectory(path, made);
    this.close();
  }

  /** Closes what is open; also after a failure. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
    if (this.#parent) closeSync(this.#parent.fd);
    this.#parent = undefined;
  }

  #pathOf(name: string): string {
    const path = relativePath(name.replace(/^\/+/, ""));
    return this.#options.rename?.(path) ?? path;
  }

  #owned(entry: TarEntry): TarEntry {
    const { owner, ownerOnHost = (same) => same } = this.#options;
    if (owner === undefined) return { ...entry, ...ownerOnHost({ uid: entry.uid, gid: entry.gid }) };
    if (this.#options.keepsPrivileges) return { ...entry, ...ownerOnHost(owner) };
    const lent = (entry.uid === owner.uid ? 0 : 0o4000) | (entry.gid === owner.gid ? 0 : 0o2000);
    // On a directory setgid lends nothing: it names the group of what is made in it.
    const mode = entry.type === "directory" ? entry.mode : entry.mode & ~lent;
    return { ...entry, ...ownerOnHost(owner), mode, xattrs: undefined };
  }

  /** The descriptor of a directory of the tree, made with its parents where it is missing; good until the next call. */
  #directory(path: string): number {
    if (this.#parent?.path === path) return this.#parent.fd;
    const fd = this.#openOrMake(path);
    if (this.#parent) closeSync(this.#parent.fd);
    this.#parent = { path, fd };
    return fd;
  }

  #openOrMake(path: string): number {
    const { open } = this.#options;
    const full = toPath(this.#full(path));
    try {
      return open(full, O_PATH | O_DIRECTORY);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT" || path === "") throw error;
    }
    const slash = path.lastIndexOf("/");
    const parent = this.#openOrMake(slash < 0 ? "" : path.slice(0, slash));
    try {
      mkdirSync(toPath(`/proc/self/fd/${parent}/${path.slice(slash + 1)}`), 0o755);
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    } finally {
      closeSync(parent);
    }
    return open(full, O_PATH | O_DIRECTORY);
  }

  #full(path: string): string {
    const { directory } = this.#options;
    return path === "" ? directory : `${directory}/${path}`;
  }

  #make(entry: TarEntry, { path, target }: { path: string; target: RawPath }): void {
    const existing = lstatSync(target, { throwIfNoEntry: false });
    if (entry.type !== "directory" && existing?.isDirectory()) {
      throw conflict(`cannot overwrite directory ${printable(path)} with non-directory`);
    }
    switch (entry.type) {
      case "directory":
        this.#makeDirectory(entry, { path, target, existing });
        break;
      case "hardlink":
        this.#link(entry, target);
        break;
      case "file":
        this.#file = new EntryFile(target, entry, {
          mode: 0o600,
          existing: !remove(target, { busy: "stays" }),
        });
        break;
      case "symlink":
        remove(target);
        symlinkSync(toPath(entry.linkname), target);
        finishLink(target, entry);
        break;
      default:
        remove(target);
        mknod(target, nodeType(entry), entry);
        finishNode(target, entry);
    }
  }

  #makeDirectory(
    entry: TarEntry,
    { path, target, existing }: { path: string; target: RawPath; existing: Stats | undefined },
  ): void {
    if (existing && !existing.isDirectory()) {
      throw conflict(`cannot overwrite non-directory ${printable(path)} with directory`);
    }
    if (!existing) mkdirSync(target, 0o700);
    const { dev, ino } = existing ?? lstatSync(target);
    this.#directories.set(path, { entry, inode: `${dev}:${ino}` });
  }

  #link(entry: TarEntry, target: RawPath): void {
    const to = this.#pathOf(entry.linkname);
    const slash = to.lastIndexOf("/");
    const parent = this.#openOrMake(slash < 0 ? "" : to.slice(0, slash));
    try {
      const source = toPath(`/proc/self/fd/${parent}/${to.slice(slash + 1)}`);
      const { dev, ino } = lstatSync(source);
      const existing = lstatSync(target, { throwIfNoEntry: false });
      if (existing?.dev === dev && existing.ino === ino) return;
      remove(target);
      linkSync(source, target);
    } finally {
      closeSync(parent);
    }
  }

  #finishDirectory(path: string, { entry, inode }: Made): void {
    const fd = openIfThere(() =>
      this.#options.open(toPath(this.#full(path)), O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
    );
    if (fd === undefined) return;
    try {
      const { dev, ino } = fstatSync(fd);
      if (`${dev}:${ino}` !== inode) return; // the container has put another one there
      fchownSync(fd, entry.uid, entry.gid);
      fchmodSync(fd, entry.mode);
      applyXattrs(fd, entry.xattrs);
      futimes(fd, entry.atime, entry.mtime);
    } finally {
      closeSync(fd);
    }
  }
}

function conflict(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_COPY_CONFLICT", message, {
    hint: "remove what is there first, or choose another destination",
  });
}
