/**
 * Looking into a stack of overlay layers from the host, without mounting it: which file would a container see at a
 * path? Applies overlayfs's rules (whiteouts, opaque directories, merging) and the container's view of symbolic
 * links: absolute ones start at the container's root, ".." stops there.
 *
 * The upper layer belongs to a container that may be running and hostile. So every step is taken from an open
 * directory (/proc/self/fd/N/name) and opens with O_NOFOLLOW: a directory that is swapped for a link in between
 * makes a step fail, never leave the layers.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
} from "node:fs";
import { O_PATH } from "../kernel/openat2.ts";
import { getXattr } from "../kernel/xattr.ts";

/** As the kernel has it, path_resolution(7). */
const MAX_LINKS = 40;

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

export interface Resolved {
  /** Where the path leads after following its links: absolute, inside the container. */
  readonly path: string;
  readonly stats: Stats;
}

/**
 * The first `maxBytes` bytes of the regular file at `path` in the layers (topmost first); undefined where there is
 * none, or something else.
 */
export function readFileInLayers(
  layers: readonly string[],
  path: string,
  maxBytes: number,
): Buffer | undefined {
  using lookup = new Lookup(layers);
  const found = lookup.resolve(path);
  if (found?.file === undefined || !found.stats.isFile()) return undefined;
  // It may be a device by now, which to open would be to use.
  const held = openIf(found.file, O_PATH | O_NOFOLLOW);
  if (held === undefined) return undefined;
  try {
    return fstatSync(held).isFile() ? readStart(held, maxBytes) : undefined;
  } finally {
    closeSync(held);
  }
}

/** What `path` leads to in the layers (topmost first); undefined where there is nothing, or a loop of links. */
export function statInLayers(layers: readonly string[], path: string): Resolved | undefined {
  using lookup = new Lookup(layers);
  const found = lookup.resolve(path);
  return found && { path: found.path, stats: found.stats };
}

/** A merged directory: the open descriptors of those that make it up, topmost first. */
interface MergedDirectory {
  readonly name: string;
  readonly fds: readonly number[];
}

interface Found extends Resolved {
  /** How to open it, unless it is a directory. */
  readonly file: string | undefined;
}

class Lookup implements Disposable {
  readonly #open: number[] = [];
  readonly #root: MergedDirectory;

  constructor(layers: readonly string[]) {
    this.#root = { name: "", fds: layers.flatMap((path) => this.#openDirectory(path) ?? []) };
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) closeSync(fd);
  }

  resolve(path: string): Found | undefined {
    if (this.#root.fds.length === 0 || path.includes("\0")) return undefined;
    const way = [this.#root];
    const todo = path.split("/").reverse();
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (way.length > 1) way.pop();
        continue;
      }
      const found = this.#step(way.at(-1) as MergedDirectory, name);
      if (found === undefined) return undefined;
      if ("fds" in found) {
        way.push(found);
      } else if (found.stats.isSymbolicLink()) {
        const target = readLink(found.file);
        links += 1;
        if (target === undefined || links > MAX_LINKS) return undefined;
        if (target.startsWith("/")) way.splice(1);
        todo.push(...target.split("/").reverse());
      } else {
        // Only the end of a path may be something that nothing is in; a slash after it asks for a directory.
        return todo.length === 0 ? { ...found, path: `${pathOf(way)}/${name}` } : undefined;
      }
    }
    const directory = way.at(-1) as MergedDirectory;
    return { path: pathOf(way) || "/", stats: fstatSync(directory.fds[0] as number), file: undefined };
  }

  /** What `name` is in a merged directory: the topmost that has it decides; directories merge with those below. */
  #step(parent: MergedDirectory, name: string): MergedDirectory | { file: string; stats: Stats } | undefined {
    const fds: number[] = [];
    for (const [index, parentFd] of parent.fds.entries()) {
      const file = `/proc/self/fd/${parentFd}/${name}`;
      const stats = statIf(file);
      if (stats === undefined) continue;
      const isWhiteout = stats.isCharacterDevice() && stats.rdev === 0;
      if (!stats.isDirectory()) {
        if (fds.length > 0) break;
        return isWhiteout ? undefined : { file, stats };
      }
      const fd = this.#openDirectory(file);
      if (fd === undefined) continue;
      fds.push(fd);
      if (index < parent.fds.length - 1 && isOpaque(fd)) break;
    }
    return fds.length > 0 ? { name, fds } : undefined;
  }

  #openDirectory(path: string): number | undefined {
    const fd = openIf(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd !== undefined) this.#open.push(fd);
    return fd;
  }
}

const pathOf = (way: readonly MergedDirectory[]): string => way.map(({ name }) => name).join("/");

/** overlayfs.rst, "whiteouts and opaque directories"; user.* is what a mount with the option userxattr uses. */
function isOpaque(fd: number): boolean {
  const value = getXattr(fd, "trusted.overlay.opaque") ?? getXattr(fd, "user.overlay.opaque");
  return value?.toString("latin1") === "y";
}

/** Runs a call on a path; undefined where the path does not lead to what was asked for. */
function unlessMissing<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (
      code === "ENOENT" ||
      code === "ENOTDIR" ||
      code === "ELOOP" ||
      code === "ENAMETOOLONG" ||
      code === "EINVAL"
    ) {
      return undefined;
    }
    throw error;
  }
}

const openIf = (path: string, flags: number) => unlessMissing(() => openSync(path, flags));
const statIf = (path: string) => unlessMissing(() => lstatSync(path));
const readLink = (path: string) => unlessMissing(() => readlinkSync(path));

function readStart(held: number, maxBytes: number): Buffer {
  const fd = openSync(`/proc/self/fd/${held}`, O_RDONLY);
  try {
    const bytes = Buffer.alloc(Math.min(maxBytes, fstatSync(fd).size));
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(fd, bytes, length, bytes.length - length, length);
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}
