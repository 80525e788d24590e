/**
 * Turns the entries of one layer into files, in the form that overlayfs reads: a whiteout becomes a character device
 * 0:0, an opaque directory gets the attribute trusted.overlay.opaque (Documentation/filesystems/overlayfs.rst).
 *
 * Safety does not rest on resolving paths carefully. The tree starts empty in a directory that nobody else can
 * reach, and only directories that this class made itself are ever passed through on the way to an entry: they are
 * kept in memory, so a symbolic link, a file or a device in a parent's place is noticed without asking the kernel.
 * The last component is always made anew (O_EXCL, mkdir, link, mknod), and none of these calls follows a link.
 *
 * Directories are made with mode 0700 and get their metadata at the end: filling them would change their times, a
 * setgid bit would be inherited, and a mode of 0555 would keep an unprivileged user out.
 */
import {
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { mknod, type RawPath, S_IFBLK, S_IFCHR, S_IFIFO } from "../../kernel/files.ts";
import { setXattr } from "../../kernel/xattr.ts";
import { removeTree } from "../tree-removal.ts";
import { fromPath, printable, toPath } from "./bytes.ts";
import { entryName, relativePath } from "./entry-name.ts";
import {
  applyToDescriptor,
  applyToPath,
  type Creation,
  checkMetadata,
  type Metadata,
  makeTree,
} from "./metadata.ts";
import { corrupt, overLimit, refused } from "./refusals.ts";
import type { SparseMap } from "./sparse.ts";
import type { TarEntry, TarSink } from "./tar-reader.ts";

interface Directory {
  readonly children: Map<string, Directory>;
  /** Undefined until an entry names it: then it is there only because something is in it. */
  metadata: Metadata | undefined;
  opaque: boolean;
}

interface OpenFile {
  readonly fd: number;
  readonly entry: TarEntry;
  /** Where the next byte goes, and for a sparse file the region it belongs to. */
  offset: number;
  region: number;
}

const newDirectory = (): Directory => ({ children: new Map(), metadata: undefined, opaque: false });

export class LayerTree implements TarSink {
  /** Byte string of the tree's own path, with a slash at the end. */
  readonly #base: string;
  readonly #maxEntries: number;
  readonly #creation: Creation;
  readonly #root = newDirectory();
  readonly #dropped = new Set<string>();
  #file: OpenFile | undefined;
  // Entries come sorted by directory, more or less: the last one's parent is the likely next one's.
  #lastParent = "";
  #lastDirectory = this.#root;
  /** Entries seen, and bytes written into regular files. */
  entries = 0;
  size = 0;
  /** The name of the entry at work, for an error's message. */
  current = "";

  /** Makes the directory `path`; a layer has fewer than `maxEntries` entries. */
  constructor(path: string, maxEntries: number) {
    this.#creation = makeTree(path);
    this.#base = `${fromPath(path)}/`;
    this.#maxEntries = maxEntries;
  }

  /** Attributes that could not be set, see LayerInfo. */
  get droppedXattrs(): string[] {
    return [...this.#dropped].sort();
  }

  entry(entry: TarEntry): void {
    this.current = entry.name;
    this.entries += 1;
    if (this.entries >= this.#maxEntries) {
      throw overLimit(`more than the ${this.#maxEntries - 1} entries that a layer may have`);
    }
    checkMetadata(entry);
    const { kind, parent, base } = entryName(entry.name);
    if (kind === "ignored") return;
    const directory = this.#directoryAt(parent, entry.name);
    if (kind === "opaque") directory.opaque = true;
    else if (kind === "whiteout") this.#whiteout(directory, join(parent, base));
    else if (base === "") this.#rootEntry(entry);
    else this.#make(entry, directory, join(parent, base));
  }

  data(chunk: Buffer, start: number, end: number): void {
    const file = this.#file;
    if (file === undefined) return;
    for (let at = start; at < end; ) {
      const most = file.entry.sparse ? this.#placeInRegion(file, file.entry.sparse) : end - at;
      const count = writeSync(
        file.fd,
        chunk,
        at,
        Math.min(most, end - at),
        file.entry.sparse ? file.offset : null,
      );
      at += count;
      file.offset += count;
      this.size += count;
    }
  }

  end(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    try {
      if (file.entry.sparse) ftruncateSync(file.fd, file.entry.sparse.size);
      this.#note(applyToDescriptor(file.fd, file.entry, this.#creation));
    } finally {
      closeSync(file.fd);
    }
  }

  /** After the last entry: gives the directories their metadata, the deepest first. */
  finish(): void {
    this.#finishDirectory(this.#base.slice(0, -1), this.#root);
  }

  /** Closes what a failure has left open. */
  abandon(): void {
    if (this.#file) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #make(entry: TarEntry, directory: Directory, path: string): void {
    switch (entry.type) {
      case "directory":
        this.#makeDirectory(entry, directory, path);
        break;
      case "file":
        this.#makeFile(entry, directory, path);
        break;
      case "symlink":
        this.#symbolicLink(entry, directory, path);
        break;
      case "hardlink":
        this.#hardLink(entry, directory, path);
        break;
      default:
        this.#node(entry, directory, path);
    }
  }

  #makeFile(entry: TarEntry, parent: Directory, path: string): void {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    this.#replacing(parent, path, (target) => {
      const fd = openSync(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, entry.mode);
      this.#file = { fd, entry, offset: 0, region: 0 };
    });
  }

  #symbolicLink(entry: TarEntry, parent: Directory, path: string): void {
    if (entry.linkname === "") throw refused(entry.name, "it is a symbolic link to nothing");
    if (entry.linkname.includes("\0")) throw refused(entry.name, "its link target contains a NUL byte");
    this.#replacing(parent, path, (target) => symlinkSync(toPath(entry.linkname), target));
    this.#note(applyToPath(toPath(this.#base + path), entry, { isSymlink: true }));
  }

  #rootEntry(entry: TarEntry): void {
    if (entry.type !== "directory") throw refused(entry.name, "the root of a layer is a directory");
    this.#root.metadata = entry;
  }

  #makeDirectory(entry: TarEntry, parent: Directory, path: string): void {
    const base = baseName(path);
    let directory = parent.children.get(base);
    if (directory === undefined) {
      directory = newDirectory();
      // A whiteout and a directory of the same name in one layer: the lower one is gone, this one is new.
      directory.opaque = this.#replacing(parent, path, (target) => mkdirSync(target, 0o700));
      parent.children.set(base, directory);
    }
    directory.metadata = entry;
  }

  #hardLink(entry: TarEntry, parent: Directory, path: string): void {
    const to = relativePath(entry.linkname, {
      entry: entry.name,
      what: `its link target ${printable(entry.linkname)}`,
    });
    if (to === path) return;
    this.#refuseWayThrough(to, entry.name);
    const target = toPath(this.#base + to);
    const stat = lstatSync(target, { throwIfNoEntry: false });
    if (stat === undefined)
      throw refused(entry.name, `it is a hard link to ${printable(to)}, which is not in the layer`);
    if (stat.isDirectory()) throw refused(entry.name, "it is a hard link to a directory");
    this.#replacing(parent, path, (place) => linkSync(target, place));
  }

  #node(entry: TarEntry, parent: Directory, path: string): void {
    const target = toPath(this.#base + path);
    const kind = entry.type === "char" ? S_IFCHR : entry.type === "block" ? S_IFBLK : S_IFIFO;
    const isLink = lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink();
    if (isLink)
      throw refused(entry.name, "it is a device or FIFO in the place of a symbolic link of the same layer");
    if (!isDeviceNumber(entry.major, 0xfff) || !isDeviceNumber(entry.minor, 0xfffff)) {
      throw refused(entry.name, `${entry.major}:${entry.minor} is not a device number`);
    }
    this.#replacing(parent, path, () => mknod(target, kind | 0o600, entry));
    this.#note(applyToPath(target, entry, { isSymlink: false }));
  }

  #whiteout(parent: Directory, path: string): void {
    const present = parent.children.get(baseName(path));
    // The layer's own files are not hidden by its own whiteouts (layer.md); they hide the lower ones by themselves.
    if (present) present.opaque = true;
    if (lstatSync(toPath(this.#base + path), { throwIfNoEntry: false })) return;
    mknod(toPath(this.#base + path), S_IFCHR, { major: 0, minor: 0 });
  }

  /**
   * Runs what makes `path`; where something is in its place already, removes that first: the last entry counts.
   * Says whether that was a whiteout.
   */
  #replacing(parent: Directory, path: string, make: (target: RawPath) => void): boolean {
    const target = toPath(this.#base + path);
    try {
      make(target);
      return false;
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    const stat = lstatSync(target);
    if (stat.isDirectory()) {
      parent.children.delete(baseName(path));
      removeTree(target);
    } else {
      unlinkSync(target);
    }
    make(target);
    return isWhiteout(stat);
  }

  /** The directory at a relative path, made with all its parents where missing. */
  #directoryAt(path: string, name: string): Directory {
    if (path === this.#lastParent) return this.#lastDirectory;
    let directory = this.#root;
    let done = 0;
    while (done < path.length) {
      const slash = path.indexOf("/", done);
      const end = slash < 0 ? path.length : slash;
      const base = path.slice(done, end);
      let child = directory.children.get(base);
      if (child === undefined) {
        child = this.#implicitDirectory(path.slice(0, end), name);
        directory.children.set(base, child);
      }
      directory = child;
      done = end + 1;
    }
    this.#lastParent = path;
    this.#lastDirectory = directory;
    return directory;
  }

  #implicitDirectory(path: string, name: string): Directory {
    const target = toPath(this.#base + path);
    const directory = newDirectory();
    try {
      mkdirSync(target, 0o700);
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
      const stat = lstatSync(target);
      // A whiteout, then something below it: the lower directory is gone, and this is a new one.
      if (!stat.isCharacterDevice() || stat.rdev !== 0)
        throw notADirectory(path, name, stat.isSymbolicLink());
      unlinkSync(target);
      mkdirSync(target, 0o700);
      directory.opaque = true;
    }
    return directory;
  }

  /** Refuses a path whose parents are not all directories of this layer. */
  #refuseWayThrough(path: string, name: string): void {
    let directory: Directory | undefined = this.#root;
    for (let slash = path.indexOf("/"), done = 0; slash >= 0; slash = path.indexOf("/", done)) {
      directory = directory.children.get(path.slice(done, slash));
      if (directory === undefined) {
        const stat = lstatSync(toPath(this.#base + path.slice(0, slash)), { throwIfNoEntry: false });
        if (stat) throw notADirectory(path.slice(0, slash), name, stat.isSymbolicLink());
        throw refused(name, `it is a hard link to ${printable(path)}, which is not in the layer`);
      }
      done = slash + 1;
    }
  }

  /** Moves a sparse file's offset to its next data; returns how many bytes belong there. */
  #placeInRegion(file: OpenFile, { regions }: SparseMap): number {
    let region = regions[file.region];
    if (region && file.offset >= region.offset + region.length) {
      file.region += 1;
      region = regions[file.region];
    }
    if (region === undefined) throw corrupt("a sparse file has more data than its map");
    file.offset = Math.max(file.offset, region.offset);
    return region.offset + region.length - file.offset;
  }

  #finishDirectory(path: string, directory: Directory): void {
    for (const [name, child] of directory.children) this.#finishDirectory(`${path}/${name}`, child);
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    const fd = openSync(toPath(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      if (directory.opaque) setXattr(fd, "trusted.overlay.opaque", Buffer.from("y"));
      this.#note(applyToDescriptor(fd, directory.metadata ?? implicitMetadata()));
    } finally {
      closeSync(fd);
    }
  }

  #note(dropped: readonly string[]): void {
    for (const name of dropped) this.#dropped.add(name);
  }
}

const join = (parent: string, base: string): string => (parent === "" ? base : `${parent}/${base}`);
const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const isWhiteout = (stat: Stats): boolean => stat.isCharacterDevice() && stat.rdev === 0;
const isDeviceNumber = (number: number, most: number): boolean => number >= 0 && number <= most;

/** Of a directory that no entry describes. */
function implicitMetadata(): Metadata {
  const now = { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 };
  return { mode: 0o755, uid: 0, gid: 0, mtime: now, atime: now, xattrs: undefined };
}

function notADirectory(path: string, name: string, isSymlink: boolean): Error {
  const what = isSymlink ? "a symbolic link" : "not a directory";
  return refused(name, `its path leads through ${printable(path)}, which is ${what} in the same layer`);
}
