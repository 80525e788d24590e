/**
 * Walks a tree that somebody else may be changing, with hostile intent: a directory may be swapped for a symbolic
 * link at any moment. So every file is first taken hold of without being opened (O_PATH, O_NOFOLLOW), from the
 * descriptor of its directory; everything else is asked of that descriptor, which means this one file for good. What
 * turns out to be a device or FIFO is never opened: opening acts.
 */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readdirSync } from "node:fs";
import { O_PATH } from "../../kernel/openat2.ts";
import { toPath } from "../unpack/bytes.ts";

export interface Visited {
  /** Relative to the root of the walk, "" for that itself; a byte string. */
  readonly path: string;
  readonly stat: BigIntStats;
  /** O_PATH; open until the walk goes on. */
  readonly fd: number;
}

export interface WalkOptions {
  /** Whether to go into a directory; it is visited itself in any case. */
  enters?: ((directory: Visited, parent: Visited) => boolean) | undefined;
  /** What is passed over with everything below it. */
  omits?: ((path: string) => boolean) | undefined;
}

/** Visits the file of an O_PATH descriptor, then all below it: directories first, names in the order of their bytes. */
export function* walk(fd: number, options: WalkOptions = {}): Generator<Visited> {
  const root = { path: "", stat: fstatSync(fd, { bigint: true }), fd };
  yield root;
  if (root.stat.isDirectory()) yield* walkInto(root, options);
}

function* walkInto(directory: Visited, options: WalkOptions): Generator<Visited> {
  for (const name of namesIn(directory.fd)) {
    const path = directory.path === "" ? name : `${directory.path}/${name}`;
    if (options.omits?.(path)) continue;
    const fd = takeHold(directory.fd, name);
    if (fd === undefined) continue;
    try {
      const child = { path, stat: fstatSync(fd, { bigint: true }), fd };
      yield child;
      if (child.stat.isDirectory() && (options.enters?.(child, directory) ?? true))
        yield* walkInto(child, options);
    } finally {
      closeSync(fd);
    }
  }
}

/** The names in the directory of a descriptor, as byte strings in their order; none where it has just been removed. */
export function namesIn(fd: number): string[] {
  try {
    return readdirSync(`/proc/self/fd/${fd}`, { encoding: "latin1" }).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** A descriptor of the file called `name` in a directory, whatever it is; undefined where it is gone. */
export function takeHold(directory: number, name: string): number | undefined {
  try {
    return openSync(toPath(`/proc/self/fd/${directory}/${name}`), O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
