/**
 * What a layer's archive says that its directory has to hold. The entries are taken one after another by the rules of
 * unpack/layer-tree.ts, with which this agrees entry by entry: the last one of a name counts, a hard link is the same
 * file as its target, whiteouts are overlayfs's. Of a file's data only the digest is kept.
 */
import { createHash, type Hash, hash as hashAtOnce } from "node:crypto";
import { entryName, relativePath } from "../unpack/entry-name.ts";
import { corrupt } from "../unpack/refusals.ts";
import type { Region } from "../unpack/sparse.ts";
import type { TarEntry, TarSink } from "../unpack/tar-reader.ts";

export interface ExpectedDirectory {
  readonly type: "directory";
  readonly children: Map<string, Expected>;
  /** Undefined where no entry describes it, and it is there only because something is in it. */
  entry: Attributes | undefined;
  opaque: boolean;
}

/** Shared by all names that are hard links of each other. */
export interface ExpectedFile extends Attributes {
  readonly type: "file" | "symlink" | "char" | "block" | "fifo";
  /** How many names it has. */
  links: number;
  /** With all holes. */
  readonly size: number;
  /** sha256 of its data, without what lies between the regions. */
  digest: string;
  readonly regions: readonly Region[] | undefined;
  readonly target: string;
  readonly major: number;
  readonly minor: number;
}

export interface ExpectedWhiteout {
  readonly type: "whiteout";
}

export type Expected = ExpectedDirectory | ExpectedFile | ExpectedWhiteout;

export interface Attributes extends Pick<TarEntry, "mode" | "uid" | "gid" | "xattrs"> {
  /** Whole seconds since 1970. */
  readonly mtime: number;
}

export class ExpectedTree implements TarSink {
  readonly root = newDirectory();
  #file: ExpectedFile | undefined;
  #hash: Hash | undefined;
  /** Bytes of its data that the archive has. */
  #stored = 0;

  entry(entry: TarEntry): void {
    const { kind, parent, base } = entryName(entry.name);
    if (kind === "ignored") return;
    const directory = this.#directoryAt(parent);
    if (kind === "opaque") directory.opaque = true;
    else if (kind === "whiteout") whiteout(directory, base);
    else if (base === "") this.root.entry = attributesOf(entry);
    else if (entry.type === "directory") this.#directory(directory, base, entry);
    else if (entry.type === "hardlink") this.#hardLink(directory, base, { entry, parent });
    else this.#make(directory, base, entry);
  }

  data(chunk: Buffer, start: number, end: number): void {
    if (this.#file === undefined) return;
    const data = chunk.subarray(start, end);
    // Most files come in one piece, and a hundred thousand hash objects would wait for the collector of garbage.
    if (this.#hash === undefined && data.length === this.#stored) {
      this.#file.digest = hashAtOnce("sha256", data, "base64");
      return;
    }
    this.#hash ??= createHash("sha256");
    this.#hash.update(data);
  }

  end(): void {
    if (this.#file && this.#hash) this.#file.digest = this.#hash.digest("base64");
    this.#file = undefined;
    this.#hash = undefined;
  }

  #directory(parent: ExpectedDirectory, name: string, entry: TarEntry): void {
    const present = parent.children.get(name);
    const directory = present?.type === "directory" ? present : newDirectory();
    if (present?.type === "whiteout") directory.opaque = true;
    directory.entry = attributesOf(entry);
    put(parent, name, directory);
  }

  #make(parent: ExpectedDirectory, name: string, entry: TarEntry): void {
    const { type, size, sparse, linkname, major, minor } = entry;
    const expected: ExpectedFile = {
      type: type as ExpectedFile["type"],
      ...attributesOf(entry),
      links: 1,
      size: sparse?.size ?? size,
      digest: EMPTY,
      regions: sparse?.regions,
      target: linkname,
      major,
      minor,
    };
    put(parent, name, expected);
    if (type !== "file") return;
    this.#file = expected;
    this.#stored = size;
  }

  #hardLink(
    directory: ExpectedDirectory,
    name: string,
    { entry, parent }: { entry: TarEntry; parent: string },
  ): void {
    const to = relativePath(entry.linkname);
    if (to === (parent === "" ? name : `${parent}/${name}`)) return;
    const target = this.#at(to);
    if (target === undefined || target.type === "directory") throw unfit(entry.name);
    if (directory.children.get(name) === target) return;
    put(directory, name, target);
    if (target.type !== "whiteout") target.links += 1;
  }

  #directoryAt(path: string): ExpectedDirectory {
    let directory = this.root;
    for (const name of path === "" ? [] : path.split("/")) {
      const child = directory.children.get(name);
      if (child?.type === "directory") {
        directory = child;
        continue;
      }
      if (child !== undefined && child.type !== "whiteout") throw unfit(path);
      const made = newDirectory();
      made.opaque = child !== undefined;
      directory.children.set(name, made);
      directory = made;
    }
    return directory;
  }

  #at(path: string): Expected | undefined {
    let found: Expected | undefined = this.root;
    for (const name of path.split("/")) {
      if (found?.type !== "directory") return undefined;
      found = found.children.get(name);
    }
    return found;
  }
}

/** Of no data. */
const EMPTY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

function newDirectory(): ExpectedDirectory {
  return { type: "directory", children: new Map(), entry: undefined, opaque: false };
}

const attributesOf = ({ mode, uid, gid, mtime, xattrs }: TarEntry): Attributes => ({
  mode,
  uid,
  gid,
  mtime: mtime.seconds,
  xattrs,
});

/** The name means this from now on; what it meant before has one name less. */
function put({ children }: ExpectedDirectory, name: string, expected: Expected): void {
  const before = children.get(name);
  children.set(name, expected);
  if (before !== undefined && before !== expected) unlink(before);
}

function unlink(expected: Expected): void {
  if (expected.type === "directory") for (const child of expected.children.values()) unlink(child);
  else if (expected.type !== "whiteout") expected.links -= 1;
}

/** A layer's own files are not hidden by its own whiteouts (layer.md); its directories hide the lower ones of that name. */
function whiteout({ children }: ExpectedDirectory, name: string): void {
  const own = children.get(name);
  if (own?.type === "directory") own.opaque = true;
  else if (own === undefined) children.set(name, { type: "whiteout" });
}

/** The unpacking refuses such an archive too: the layer was never made of this one. */
function unfit(name: string): Error {
  return corrupt(`it could not have been unpacked: ${JSON.stringify(name)} is at odds with other entries`);
}
