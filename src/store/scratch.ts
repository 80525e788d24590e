/**
 * Private directories for work in progress. Each is locked (flock(2) on the directory itself) by the process that
 * made it, so anyone can tell those of the living from those of the dead and remove the latter.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { markTopDirectory } from "../kernel/files.ts";
import { flock } from "../kernel/lock.ts";
import { isStillAt } from "./locks.ts";
import { type Paths, tmpDir } from "./paths.ts";
import { removeTree } from "./tree-removal.ts";

export interface Scratch extends Disposable {
  readonly path: string;
}

/**
 * Makes a directory that is removed on disposal, or by a later `sweepScratch` if this process dies before. `make` is
 * mkdtemp(3), or does its like.
 */
export function openScratch(
  paths: Paths,
  make: (prefix: string) => string = (prefix) => mkdtempSync(prefix),
): Scratch {
  // 0700: whatever modes its content has, nobody else can reach device nodes and setuid files in it.
  if (mkdirSync(tmpDir(paths), { recursive: true, mode: 0o700 })) markTopDirectory(tmpDir(paths));
  for (;;) {
    const path = make(join(tmpDir(paths), "work-"));
    // A sweep that came between mkdtemp and flock has removed the directory, or is about to.
    const fd = openIfThere(path);
    if (fd === undefined) continue;
    if (flock(fd) && isStillAt(fd, path)) {
      return {
        path,
        [Symbol.dispose]() {
          removeTree(path);
          closeSync(fd);
        },
      };
    }
    closeSync(fd);
  }
}

/** Removes what dead processes have left in the scratch folder; returns the sum of what `weigh` says of each. */
export function sweepScratch(paths: Paths, weigh: (path: string) => number = () => 0): number {
  let swept = 0;
  for (const path of deadScratch(paths)) {
    swept += weigh(path);
    removeTree(path);
  }
  return swept;
}

/** The directories that dead processes have left in the scratch folder; each is locked until the next is asked for. */
export function* deadScratch(paths: Paths): Generator<string> {
  for (const name of list(tmpDir(paths))) {
    const path = join(tmpDir(paths), name);
    const fd = openIfThere(path);
    if (fd === undefined) continue;
    try {
      if (flock(fd)) yield path;
    } finally {
      closeSync(fd);
    }
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The names in a directory, none where it does not exist. */
function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
