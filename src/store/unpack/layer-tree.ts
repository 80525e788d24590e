/**
 * Turns the entries of one layer into files, in the form that overlayfs reads: a whiteout becomes a character device
 * 0:0, an opaque directory gets the attribute trusted.overlay.opaque (Documentation/filesystems/overlayfs.rst). An
 * ordinary user, who can make no devices, gets an empty file for each: a container's own are in its /dev.
 *
 * Safety does not rest on resolving paths carefully. The tree starts empty in a directory that nobody else can
 * reach; the way to an entry leads only through directories that were made here (directories.ts); and the last
 * component is always made anew, by calls that do not follow a link: O_EXCL, mkdir, symlink, link, mknod.
 */
import { linkSync, lstatSync, mkdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { mknod, type RawPath, S_IFBLK, S_IFCHR, S_IFIFO } from "../../kernel/files.ts";
import { isRootless } from "../../kernel/rootless.ts";
import { removeTree } from "../tree-removal.ts";
import { requireMappedIds } from "../unmapped-id.ts";
import { fromPath, printable, toPath } from "./bytes.ts";
import { Directories, type Directory, isWhiteout, linkToNothing, newDirectory } from "./directories.ts";
import { EntryFile } from "./entry-file.ts";
import { entryName, relativePath } from "./entry-name.ts";
import { applyToPath, type Creation, checkMetadata, makeTree } from "./metadata.ts";
import { overLimit, refused } from "./refusals.ts";
import type { TarEntry, TarSink } from "./tar-reader.ts";

/** Where an entry goes. Byte strings. */
interface Place {
  readonly directory: Directory;
  readonly base: string;
  /** Relative to the layer's root. */
  readonly path: string;
  readonly target: RawPath;
}

export class LayerTree implements TarSink {
  /** Byte string of the tree's own path, with a slash at the end. */
  readonly #base: string;
  readonly #maxEntries: number;
  readonly #creation: Creation;
  readonly #directories: Directories;
  readonly #dropped = new Set<string>();
  #file: EntryFile | undefined;
  /** Entries seen, and bytes of regular files. */
  entries = 0;
  size = 0;
  /** The name of the entry at work, for an error's message. */
  current = "";

  /** Makes the directory `path`; a layer has fewer than `maxEntries` entries. */
  constructor(path: string, maxEntries: number) {
    this.#creation = makeTree(path);
    this.#base = `${fromPath(path)}/`;
    this.#directories = new Directories(this.#base);
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
    requireMappedIds(entry.uid, entry.gid);
    const { kind, parent, base } = entryName(entry.name);
    if (kind === "ignored") return;
    const directory = this.#directories.at(parent, entry.name);
    const path = parent === "" ? base : `${parent}/${base}`;
    const place = { directory, base, path, target: toPath(this.#base + path) };
    if (kind === "opaque") directory.opaque = true;
    else if (kind === "whiteout") this.#whiteout(place);
    else if (path === "") this.#root(entry);
    else this.#make(entry, place);
  }

  data(chunk: Buffer, start: number, end: number): void {
    if (this.#file === undefined) return;
    this.#file.write(chunk, start, end);
    this.size += end - start;
  }

  end(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file) this.#note(file.finish(this.#creation));
  }

  /** After the last entry. */
  finish(): void {
    this.#note(this.#directories.finish());
  }

  /** Closes what a failure has left open. */
  abandon(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #make(entry: TarEntry, place: Place): void {
    switch (entry.type) {
      case "directory":
        this.#directory(entry, place);
        break;
      case "file":
        this.#replacing(place, () => {
          this.#file = new EntryFile(place.target, entry, { durable: true });
        });
        break;
      case "symlink":
        this.#symbolicLink(entry, place);
        break;
      case "hardlink":
        this.#hardLink(entry, place);
        break;
      default:
        this.#node(entry, place);
    }
  }

  #root(entry: TarEntry): void {
    if (entry.type !== "directory") throw refused(entry.name, "the root of a layer is a directory");
    this.#directories.root.metadata = entry;
  }

  #directory(entry: TarEntry, place: Place): void {
    const siblings = place.directory.children;
    let made = siblings.get(place.base);
    if (made === undefined) {
      made = newDirectory();
      // A whiteout and a directory of the same name in one layer: the lower one is gone, this one is new.
      made.opaque = this.#replacing(place, () => mkdirSync(place.target, 0o700));
      siblings.set(place.base, made);
    }
    made.metadata = entry;
  }

  #symbolicLink(entry: TarEntry, place: Place): void {
    if (entry.linkname === "") throw refused(entry.name, "it is a symbolic link to nothing");
    if (entry.linkname.includes("\0")) throw refused(entry.name, "its link target contains a NUL byte");
    this.#replacing(place, () => symlinkSync(toPath(entry.linkname), place.target));
    this.#note(applyToPath(place.target, entry, { isSymlink: true }));
  }

  #hardLink(entry: TarEntry, place: Place): void {
    const what = `its link target ${printable(entry.linkname)}`;
    const to = relativePath(entry.linkname, { entry: entry.name, what });
    if (to === place.path) return;
    this.#directories.checkWayTo(to, entry.name);
    const stat = lstatSync(toPath(this.#base + to), { throwIfNoEntry: false });
    if (stat === undefined) throw linkToNothing(to, entry.name);
    if (stat.isDirectory()) throw refused(entry.name, "it is a hard link to a directory");
    this.#replacing(place, () => linkSync(toPath(this.#base + to), place.target));
  }

  #node(entry: TarEntry, place: Place): void {
    const kind = entry.type === "char" ? S_IFCHR : entry.type === "block" ? S_IFBLK : S_IFIFO;
    if (!isDeviceNumber(entry.major, 0xfff) || !isDeviceNumber(entry.minor, 0xfffff)) {
      throw refused(entry.name, `${entry.major}:${entry.minor} is not a device number`);
    }
    if (lstatSync(place.target, { throwIfNoEntry: false })?.isSymbolicLink()) {
      throw refused(entry.name, "it is a device or FIFO in the place of a symbolic link of the same layer");
    }
    this.#replacing(place, () => {
      if (kind !== S_IFIFO && isRootless()) writeFileSync(place.target, "", { flag: "wx", mode: 0o600 });
      else mknod(place.target, kind | 0o600, entry);
    });
    this.#note(applyToPath(place.target, entry, { isSymlink: false }));
  }

  /** A layer's own files are not hidden by its own whiteouts (layer.md); they hide the lower ones by themselves. */
  #whiteout({ directory, base, target }: Place): void {
    const own = directory.children.get(base);
    if (own) own.opaque = true;
    else if (!lstatSync(target, { throwIfNoEntry: false })) mknod(target, S_IFCHR, { major: 0, minor: 0 });
  }

  /**
   * Runs what makes the file; where something is in its place already, removes that first: the last entry counts.
   * Says whether that was a whiteout.
   */
  #replacing({ directory, base, target }: Place, make: () => void): boolean {
    try {
      make();
      return false;
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    const stat = lstatSync(target);
    if (stat.isDirectory()) {
      directory.children.delete(base);
      removeTree(target);
    } else {
      unlinkSync(target);
    }
    make();
    return isWhiteout(stat);
  }

  #note(dropped: readonly string[]): void {
    for (const name of dropped) this.#dropped.add(name);
  }
}

const isDeviceNumber = (number: number, most: number): boolean => number >= 0 && number <= most;
