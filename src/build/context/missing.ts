/** What to tell of a path that is not in a context: why it is not, or what may have been meant. */
import { closeSync, constants, openSync, readdirSync } from "node:fs";
import { posix } from "node:path";
import { O_PATH, openInRoot } from "../../kernel/openat2.ts";
import { nearestOf } from "../dockerfile/suggest.ts";
import type { ContextFiles } from "./context.ts";

export function missingHint({ directory, ignoreFile }: ContextFiles, path: string): string {
  const root = openSync(directory, O_PATH | constants.O_DIRECTORY);
  try {
    if (ignoreFile !== undefined && opened(root, path, () => true))
      return `it is there, but ${posix.basename(ignoreFile.name)} leaves it out of the context`;
    if (namesIn(root, "/").length === 0) return "the context has no files at all: it is a Dockerfile alone";
    const folder = posix.dirname(path);
    const near = nearestOf(posix.basename(path), namesIn(root, folder));
    if (near !== undefined) return `did you mean ${posix.join(folder, near).slice(1)}?`;
    return "paths are relative to the build's context, and lead nowhere outside of it";
  } finally {
    closeSync(root);
  }
}

const namesIn = (root: number, path: string): string[] =>
  opened(root, path, (fd) => readdirSync(`/proc/self/fd/${fd}`)) ?? [];

/** undefined where it is not there, or not what is looked for. */
function opened<Result>(root: number, path: string, look: (fd: number) => Result): Result | undefined {
  let fd: number | undefined;
  try {
    fd = openInRoot(root, path, O_PATH);
    return look(fd);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
