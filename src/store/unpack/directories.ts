/**
 * The directories of a layer that is being unpacked: the only ones that are passed through on the way to an entry.
 * Since it knows all that it has made, a symbolic link, a file or a device in a parent's place is noticed without
 * resolving any path.
 *
 * They are made with mode 0700 and get their metadata at the end: filling them would change their times, a setgid
 * bit would be inherited, and a mode of 0555 would keep an unprivileged user out.
 */
import { closeSync, constants, lstatSync, mkdirSync, openSync, type Stats, unlinkSync } from "node:fs";
import { overlayAttribute } from "../../kernel/rootless.ts";
import { setXattr } from "../../kernel/xattr.ts";
import { printable, toPath } from "./bytes.ts";
import { applyToDescriptor, type Metadata } from "./metadata.ts";
import { refused } from "./refusals.ts";

export interface Directory {
  /** By name, a byte string. */
  readonly children: Map<string, Directory>;
  /** Undefined until an entry names it: then it is there only because something is in it. */
  metadata: Metadata | undefined;
  /** Nothing of what the lower layers have in it shows through. */
  opaque: boolean;
}

export const newDirectory = (): Directory => ({ children: new Map(), metadata: undefined, opaque: false });

/** Whether a file is one of overlayfs's whiteouts. */
export const isWhiteout = (stat: Stats): boolean => stat.isCharacterDevice() && stat.rdev === 0;

export class Directories {
  readonly root = newDirectory();
  /** Byte string of the tree's own path, with a slash at the end. */
  readonly #base: string;
  // Entries come sorted by directory, more or less: the last one's parent is the likely next one's.
  #lastPath = "";
  #last = this.root;

  constructor(base: string) {
    this.#base = base;
  }

  /** The directory at a relative path, made with all its parents where missing; `name` is the entry that needs it. */
  at(path: string, name: string): Directory {
    if (path === this.#lastPath) return this.#last;
    let directory = this.root;
    for (let done = 0; done < path.length; ) {
      const slash = path.indexOf("/", done);
      const end = slash < 0 ? path.length : slash;
      const base = path.slice(done, end);
      let child = directory.children.get(base);
      if (child === undefined) {
        child = this.#implicit(path.slice(0, end), name);
        directory.children.set(base, child);
      }
      directory = child;
      done = end + 1;
    }
    this.#lastPath = path;
    this.#last = directory;
    return directory;
  }

  /** Refuses a hard link's target if not all its parents are directories of this layer. */
  checkWayTo(path: string, name: string): void {
    let directory: Directory | undefined = this.root;
    for (let slash = path.indexOf("/"), done = 0; slash >= 0; slash = path.indexOf("/", done)) {
      directory = directory.children.get(path.slice(done, slash));
      if (directory === undefined) {
        const parent = path.slice(0, slash);
        const stat = lstatSync(toPath(this.#base + parent), { throwIfNoEntry: false });
        throw stat ? notADirectory(parent, name, stat) : linkToNothing(path, name);
      }
      done = slash + 1;
    }
  }

  /** Gives all of them their metadata, the deepest first; returns the names of attributes that could not be set. */
  finish(): string[] {
    return this.#finish(this.#base.slice(0, -1), this.root);
  }

  #implicit(path: string, name: string): Directory {
    const target = toPath(this.#base + path);
    const directory = newDirectory();
    try {
      mkdirSync(target, 0o700);
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
      const stat = lstatSync(target);
      if (!isWhiteout(stat)) throw notADirectory(path, name, stat);
      // A whiteout, then something below it: the lower directory is gone, and this is a new one.
      unlinkSync(target);
      mkdirSync(target, 0o700);
      directory.opaque = true;
    }
    return directory;
  }

  #finish(path: string, directory: Directory): string[] {
    const dropped = [...directory.children].flatMap(([name, child]) =>
      this.#finish(`${path}/${name}`, child),
    );
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    const fd = openSync(toPath(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      if (directory.opaque) setXattr(fd, overlayAttribute("opaque"), Buffer.from("y"));
      return dropped.concat(applyToDescriptor(fd, directory.metadata ?? implicitMetadata()));
    } finally {
      closeSync(fd);
    }
  }
}

/** Of a directory that no entry describes. */
function implicitMetadata(): Metadata {
  const now = { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 };
  return { mode: 0o755, uid: 0, gid: 0, mtime: now, atime: now, xattrs: undefined };
}

/** The error for a hard link whose target does not exist. */
export function linkToNothing(path: string, name: string): Error {
  return refused(name, `it is a hard link to ${printable(path)}, which is not in the layer`);
}

function notADirectory(path: string, name: string, stat: Stats): Error {
  const what = stat.isSymbolicLink() ? "a symbolic link" : "not a directory";
  return refused(name, `its path leads through ${printable(path)}, which is ${what} in the same layer`);
}
