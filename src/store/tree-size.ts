/** How much a directory tree holds. */
import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Bytes of all regular files below a directory, each counted once however many names it has; 0 where it is gone. */
export function sizeOfTree(directory: string, seen: Set<string> = new Set()): number {
  let total = 0;
  for (const entry of entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      total += sizeOfTree(path, seen);
      continue;
    }
    if (!entry.isFile()) continue;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined || (stat.nlink > 1 && seen.has(`${stat.dev}:${stat.ino}`))) continue;
    seen.add(`${stat.dev}:${stat.ino}`);
    total += stat.size;
  }
  return total;
}

/** A running container changes its files meanwhile: what has just gone counts nothing. */
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
