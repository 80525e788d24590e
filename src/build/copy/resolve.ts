/** Paths of a root that is copied into: where they lead, without ever leading out of it. */
import { closeSync, constants, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { TsrunError } from "../../errors.ts";
import { O_PATH, openInRoot } from "../../kernel/openat2.ts";
import { printable, toPath } from "../../store/unpack/bytes.ts";

/** As many as the kernel follows: path_resolution(7). */
const MAX_LINKS = 40;

/**
 * Where a path (a byte string, as the result) leads to in the end, along links also where there is nothing yet: what is
 * copied to a link that leads nowhere is made where it leads. Throws ERR_TSRUN_COPY_CONFLICT.
 */
export function resolveInside(root: number, path: string, links = 0): string {
  const base = readlinkSync(`/proc/self/fd/${root}`, "latin1");
  try {
    const fd = openInRoot(root, toPath(`/${path}`), O_PATH);
    try {
      return posix.relative(base, readlinkSync(`/proc/self/fd/${fd}`, "latin1"));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as { code?: string }).code === "ELOOP") throw tooManyLinks(path);
    if (!isMissing(error)) throw error;
  }
  const [parent, name] = split(path);
  const directory = parent === "" ? "" : resolveInside(root, parent, links);
  const target = linkAt(root, directory, name);
  if (target === undefined) return posix.join(directory, name);
  if (links === MAX_LINKS) throw tooManyLinks(path);
  return resolveInside(root, posix.resolve("/", directory, target).slice(1), links + 1);
}

/** The target of a symbolic link; undefined where there is something else, or nothing. */
function linkAt(root: number, directory: string, name: string): string | undefined {
  try {
    const fd = openInRoot(root, toPath(`/${directory}`), O_PATH | constants.O_DIRECTORY);
    try {
      return readlinkSync(toPath(`/proc/self/fd/${fd}/${name}`), "latin1");
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isMissing(error) || (error as { code?: string }).code === "EINVAL") return undefined;
    throw error;
  }
}

export const isMissing = (error: unknown): boolean =>
  ["ENOENT", "ENOTDIR"].includes((error as { code?: string }).code ?? "");

/** "a/b/c" → "a/b", "c" */
export function split(path: string): [parent: string, name: string] {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}

const tooManyLinks = (path: string): TsrunError =>
  conflict(`too many levels of symbolic links: /${printable(path)}`);

export function conflict(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_COPY_CONFLICT", message, {
    hint: "remove what is there first, or choose another destination",
    exitCode: 1,
  });
}
