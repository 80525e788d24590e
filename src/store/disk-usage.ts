/**
 * How much of a disk files take: their blocks, as du(1) counts them. A sparse file counts what it has, not what it
 * seems; a directory counts too; a file with several names counts once, where it is met first.
 */
import { lstatSync, readdirSync, type Stats } from "node:fs";
import { fromPath, toPath } from "./unpack/bytes.ts";

/** Of st_blocks, whatever the filesystem's own are: stat(2). */
const BLOCK = 512;

export interface UsageMeter {
  /**
   * Bytes of the file or the whole tree at `path`, without what this meter was asked before: a folder that is measured
   * after its parts is the rest of it. 0 where nothing is there.
   */
  measure(path: string): number;
}

/** What is on another filesystem (a mount below the tree) takes nothing of this one and is passed over. */
export function usageMeter(): UsageMeter {
  const counted = new Set<string>();
  const measured = new Set<string>();

  const count = (stat: Stats): number => {
    if (stat.nlink > 1 && !stat.isDirectory()) {
      const inode = `${stat.dev}:${stat.ino}`;
      if (counted.has(inode)) return 0;
      counted.add(inode);
    }
    return stat.blocks * BLOCK;
  };
  const below = (path: string, stat: Stats): number => {
    let total = count(stat);
    if (!stat.isDirectory()) return total;
    for (const name of namesIn(path)) {
      const child = `${path}/${name}`;
      if (measured.has(child)) continue;
      const found = lstatSync(toPath(child), { throwIfNoEntry: false });
      if (found?.dev === stat.dev) total += below(child, found);
    }
    return total;
  };
  return {
    measure(path) {
      const stat = lstatSync(path, { throwIfNoEntry: false });
      const bytes = stat === undefined || measured.has(fromPath(path)) ? 0 : below(fromPath(path), stat);
      measured.add(fromPath(path));
      return bytes;
    },
  };
}

/** As byte strings; a running container changes its files meanwhile, and what has just gone has nothing in it. */
function namesIn(path: string): string[] {
  try {
    return readdirSync(toPath(path), { encoding: "latin1" });
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}
