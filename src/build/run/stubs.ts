/** Files and directories that are there only because something was mounted on them while a step ran. */
import { lstatSync, readdirSync, rmdirSync, unlinkSync, utimesSync } from "node:fs";
import { posix } from "node:path";
import { statInLayers } from "../../store/resolve.ts";

const STANDARD = ["/dev", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/proc", "/sys"];

/**
 * Looks, before the step runs, which mount points its root lacks; to be called with the step's upper directory when it
 * has ended: what is empty of those goes, and so do directories that were made or copied up on the way to them and hold
 * nothing of the step's own.
 */
export function mountStubs(
  layers: readonly string[],
  targets: readonly string[],
): { remove(upper: string): void } {
  const missing = [...STANDARD, ...targets].filter((path) => statInLayers(layers, path) === undefined);
  const deepestFirst = missing.sort((a, b) => b.length - a.length);
  return {
    remove(upper) {
      for (const path of deepestFirst) removeStub({ upper, layers }, path);
    },
  };
}

interface Root {
  upper: string;
  layers: readonly string[];
}

function removeStub(root: Root, path: string): void {
  const file = posix.join(root.upper, path);
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (stat.isDirectory()) {
    if (readdirSync(file).length > 0) return;
    rmdirSync(file);
  } else if (stat.isFile() && stat.size === 0) {
    unlinkSync(file);
  } else return;
  removeEmptied(root, posix.dirname(path));
}

/** A directory that a stub was taken from: it has not been changed where nothing else is in it. */
function removeEmptied(root: Root, path: string): void {
  if (path === "/") return;
  const directory = posix.join(root.upper, path);
  const stat = lstatSync(directory);
  const below = statInLayers(root.layers, path)?.stats;
  if (readdirSync(directory).length > 0) {
    if (below?.isDirectory()) utimesSync(directory, stat.atime, stat.mtime);
    return;
  }
  const isCopy =
    below?.isDirectory() && below.mode === stat.mode && below.uid === stat.uid && below.gid === stat.gid;
  if (below !== undefined && !isCopy) return;
  rmdirSync(directory);
  removeEmptied(root, posix.dirname(path));
}
