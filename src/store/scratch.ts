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

/** Makes a directory that is removed on disposal, or by a later `sweepScratch` if this process dies before. */
export function openScratch(paths: Paths): Scratch {
  // 0700: whatever modes its content has, nobody else can reach device nodes and setuid files in it.
  if (mkdirSync(tmpDir(paths), { recursive: true, mode: 0o700 })) markTopDirectory(tmpDir(paths));
  for (;;) {
    const path = mkdtempSync(join(tmpDir(paths), "work-"));
    const fd = openSync(path, "r");
    // A sweep that came between mkdtemp and flock has removed the directory, or is about to.
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

/** Removes what dead processes have left in the scratch folder; returns how many directories that were. */
export function sweepScratch(paths: Paths): number {
  let swept = 0;
  for (const name of list(tmpDir(paths))) {
    const path = join(tmpDir(paths), name);
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw error;
    }
    try {
      if (!flock(fd)) continue;
      removeTree(path);
      swept += 1;
    } finally {
      closeSync(fd);
    }
  }
  return swept;
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
