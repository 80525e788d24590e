/**
 * .dockerignore, and the patterns of --exclude: the rules of moby/patternmatcher and of BuildKit's walk over a context.
 * The last pattern that matches a path, or a directory above it, decides.
 */
import { posix } from "node:path";
import { DockerfileError, onLine } from "./error.ts";
import { badPattern, PatternError, readClass } from "./glob/class.ts";
import {
  anything,
  directories,
  exactly,
  type Glob,
  globOf,
  many,
  notSlash,
  one,
  type Piece,
} from "./glob/match.ts";
import { splitLines, trim } from "./text.ts";

export interface IgnoreMatcher {
  /** Whether a path, relative to the context and without ./, is left out. */
  ignores(path: string, isDirectory: boolean): boolean;
  /** Whether something below a directory that is left out may not be: `!docs/README.md` */
  mayHaveExceptionsBelow(path: string): boolean;
  /** Whether there is any exception, and any pattern that leaves out the whole context. */
  readonly exceptions: boolean;
  readonly everything: boolean;
}

/**
 * Reads an ignore file. Lines that begin with # are comments.
 *
 * @throws DockerfileError with the line
 */
export function ignoreMatcher(text: string, name = ".dockerignore"): IgnoreMatcher {
  const patterns: Pattern[] = [];
  for (const [index, line] of splitLines(text.replace(/^\ufeff/, "")).entries()) {
    if (line.startsWith("#")) continue;
    const pattern = normalize(trim(line));
    if (pattern === "") continue;
    try {
      patterns.push(readPattern(pattern));
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw new DockerfileError(error.message, onLine(index + 1), { file: name });
    }
  }
  return matcherOf(patterns);
}

/** The same for a list, as --exclude gives it. @throws PatternError */
export function excludeMatcher(patterns: readonly string[]): IgnoreMatcher {
  return matcherOf(
    patterns
      .map(trim)
      .filter((text) => text !== "")
      .map(readPattern),
  );
}

/** Paths are relative to the context whether they begin with a slash or not, after a `!`, too. */
function normalize(line: string): string {
  const exception = line.startsWith("!");
  const path = exception ? trim(line.slice(1)) : line;
  if (path === "") return line;
  const clean = cleanPath(path);
  const relative = clean.length > 1 && clean.startsWith("/") ? clean.slice(1) : clean;
  return exception ? `!${relative}` : relative;
}

/** Go's filepath.Clean, which knows no slash at the end. */
function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

interface Pattern {
  readonly exception: boolean;
  readonly everything: boolean;
  readonly glob: Glob;
}

function readPattern(text: string): Pattern {
  const clean = cleanPath(text);
  const exception = clean.startsWith("!");
  if (clean === "!") throw new PatternError('illegal exclusion pattern: "!"');
  const everything = ["*", "**", "**/*"].includes(clean);
  return { exception, everything, glob: globOf(readPieces(exception ? clean.slice(1) : clean)) };
}

/** `*` and `?` do not match a slash, `**` matches any number of directories. */
function readPieces(pattern: string): Piece[] {
  const characters = [...pattern];
  const pieces: Piece[] = [];
  for (let at = 0; at < characters.length; ) {
    const character = characters[at] as string;
    if (character === "*" && characters[at + 1] === "*") {
      at += 2;
      const slash = characters[at] === "/";
      if (slash) at++;
      pieces.push(doubleStar(characters, { at, slash, first: pieces.length === 0 }));
    } else if (character === "[") {
      const { piece, end } = readClass(characters, at);
      pieces.push(piece);
      at = end;
    } else if (character === "\\") {
      const escaped = characters[at + 1];
      if (escaped === undefined) throw badPattern(pattern);
      pieces.push(exactly(escaped));
      at += 2;
    } else {
      pieces.push(
        character === "*" ? many(notSlash) : character === "?" ? one(notSlash) : exactly(character),
      );
      at++;
    }
  }
  return pieces;
}

/**
 * At the end it matches everything. `**file` at the start, without other wildcards, matches all that ends in "file";
 * with one, only names that begin so.
 */
function doubleStar(
  characters: readonly string[],
  { at, slash, first }: { at: number; slash: boolean; first: boolean },
): Piece {
  if (at === characters.length) return many(anything);
  const plain = !characters.slice(at).some((character) => "*?[]\\".includes(character));
  return first && !slash && plain ? many(anything) : directories;
}

function matcherOf(patterns: readonly Pattern[]): IgnoreMatcher {
  const none = new Uint8Array(patterns.length);
  /** Of directories: which patterns matched them, or one above them. */
  const known = new Map<string, { matched: Uint8Array; ignored: boolean }>([
    [".", { matched: none, ignored: false }],
    ["/", { matched: none, ignored: false }],
  ]);

  const look = (path: string, isDirectory: boolean): { matched: Uint8Array; ignored: boolean } => {
    const before = known.get(path);
    if (before !== undefined) return before;
    const above = look(posix.dirname(path), true).matched;
    const matched = new Uint8Array(patterns.length);
    let ignored = false;
    for (const [index, { exception, glob }] of patterns.entries()) {
      // One that changes nothing is not asked: what it says of this path does not count for those below, either.
      const counts = above[index] === 1 || (exception === ignored && glob.matches(path));
      if (!counts) continue;
      matched[index] = 1;
      ignored = !exception;
    }
    const result = { matched, ignored };
    if (isDirectory) known.set(path, result);
    return result;
  };

  const exceptions = patterns.filter(({ exception }) => exception);
  return {
    ignores: (path, isDirectory) => look(path.endsWith("/") ? cleanPath(path) : path, isDirectory).ignored,
    mayHaveExceptionsBelow: (path) => exceptions.some(({ glob }) => glob.mayMatchBelow(`${path}/`)),
    exceptions: exceptions.length > 0,
    everything: patterns.some((pattern) => pattern.everything),
  };
}
