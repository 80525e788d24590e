/** Where a copy goes: docker's rules for `cp`, which are cp(1)'s with a few of its own. No file is looked at here. */
import { posix } from "node:path";
import { TsrunError } from "../errors.ts";

/** What is known of the two ends. */
export interface CopySource {
  /** The last component of its path; "." for the contents of a directory. */
  base: string;
  isDirectory: boolean;
}

export interface CopyDestination {
  path: string;
  /** What is there now, links followed. */
  exists: boolean;
  isDirectory: boolean;
}

export interface Place {
  /** An existing directory. */
  directory: string;
  /** What the source is called in it; undefined: as it is called where it comes from, contents of "." without more. */
  name: string | undefined;
}

/** Whether a path asks for what is in a directory: "dir/.". */
export const asksForContents = (path: string): boolean => /(?:^|\/)\.$/.test(path);

/** Whether a path can only be a directory. */
export const asksForDirectory = (path: string): boolean => path.endsWith("/") || asksForContents(path);

/** "a/b/" → "a", "b"; "a/b/." → "a/b", ".". */
export function splitPath(path: string): { directory: string; base: string } {
  const clean = posix.normalize(path).replace(/(.)\/$/, "$1");
  if (asksForContents(path)) return { directory: clean.replace(/\/\.$/, "") || "/", base: "." };
  return { directory: posix.dirname(clean), base: clean === "/" ? "." : posix.basename(clean) };
}

/**
 *     source      destination                    result
 *     anything    an existing directory          in it, by the source's name
 *     file        an existing file               replaces it
 *     directory   an existing file               an error
 *     directory   nothing                        the directory is made, with the source's contents
 *     file        nothing                        a file of that name
 *     file        nothing, with a slash at end   an error: it asks for a directory
 */
export function placeCopy(source: CopySource, destination: CopyDestination): Place {
  const { path, exists, isDirectory } = destination;
  if (exists && isDirectory) return { directory: path, name: undefined };
  if (exists && source.isDirectory) throw conflict("cannot copy directory", `${path} is a file`);
  if (exists && asksForDirectory(path))
    throw conflict(`${path}: not a directory`, "leave out the slash at its end");
  if (!exists && !source.isDirectory && asksForDirectory(path)) {
    throw conflict("no such directory", `make ${path} first, or leave out the slash at its end`);
  }
  const { directory, base } = splitPath(path.replace(/\/\.$/, ""));
  return { directory, name: base };
}

/** For entries of an archive whose names begin with `base`: the same with `name` in its place. */
export function renamed(path: string, { base, name }: { base: string; name: string }): string {
  if (base === ".") return path === "" ? name : `${name}/${path}`;
  return path === base || path.startsWith(`${base}/`) ? name + path.slice(base.length) : path;
}

export function conflict(message: string, hint: string): TsrunError {
  return new TsrunError("ERR_TSRUN_COPY_CONFLICT", message, { hint });
}
