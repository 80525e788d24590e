/**
 * What a COPY or ADD takes out of a root: paths with wildcards become files, each with the place that it is to have below
 * the destination. The same walk serves to digest them and to copy them.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  readdirSync,
  readlinkSync,
} from "node:fs";
import { posix } from "node:path";
import type { RawPath } from "../../kernel/files.ts";
import { O_PATH, openInRoot } from "../../kernel/openat2.ts";
import { fromPath, toPath } from "../../store/unpack/bytes.ts";
import { excludeMatcher, hasWildcards, type IgnoreMatcher, wildcardMatcher } from "../dockerfile/index.ts";

/** A root that files are taken from; nobody writes to it meanwhile. */
export interface SourceRoot {
  /** O_PATH, of a directory. */
  readonly fd: number;
  /** What is not there, by paths from the root, in the language of .dockerignore. */
  readonly ignored: IgnoreMatcher | undefined;
  /** All files are root's: those of a context. */
  readonly ownedByRoot: boolean;
}

export interface FoundFile {
  /** Below the destination; "" for the file that a path names, or the directory whose content it stands for. */
  readonly path: string;
  /** To open it by. */
  readonly file: RawPath;
  readonly stat: BigIntStats;
}

/** One that a path with wildcards has led to. */
export interface Match {
  /** As it is in the root, links and all; a byte string without a leading slash. */
  readonly path: string;
  readonly isDirectory: boolean;
  /** Itself, and below a directory what is in it; good until the matches are closed. */
  files(): Generator<FoundFile>;
}

export interface Matches extends Disposable {
  readonly matches: readonly Match[];
}

export interface SourceOptions {
  /** Patterns of what is left out, in the language of .dockerignore. */
  readonly exclude: readonly string[];
  /** Paths keep their directories: those after "/./", or all. */
  readonly parents: boolean;
}

/** Throws ENOENT errors for a path without wildcards that is not there. */
export function findSources(root: SourceRoot, path: string, options: SourceOptions): Matches {
  const open: number[] = [];
  const close = (): void => {
    for (const fd of open.splice(0)) closeSync(fd);
  };
  try {
    const base = openInRoot(root.fd, "/", O_PATH | constants.O_DIRECTORY);
    open.push(base);
    const realRoot = readlinkSync(`/proc/self/fd/${base}`);
    const excluded = options.exclude.length > 0 ? excludeMatcher(options.exclude) : undefined;
    const [pivot, pattern] = options.parents ? pivotOf(path) : ["", path];
    const found = expandPattern(root, posix.join("/", pivot, pattern)).filter(
      (match) => !isIgnored(root, match),
    );
    const matches = found.map((match): Match => {
      const fd = openMatch(root, match);
      open.push(fd);
      const stat = fstatSync(fd, { bigint: true });
      const real = fromPath(posix.relative(realRoot, readlinkSync(`/proc/self/fd/${fd}`)));
      const place = { fd, stat, real: root.ignored ? real : "", root, excluded };
      const parents = options.parents ? posix.relative(posix.join("/", pivot), match) : undefined;
      return {
        path: fromPath(match.slice(1)),
        isDirectory: stat.isDirectory(),
        files: () =>
          parents === undefined
            ? filesOf(place, match)
            : withParents(root, filesOf(place, match), { pivot, parents }),
      };
    });
    if (matches.length === 0 && !hasWildcards(path)) throw notFound(path);
    return { matches, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

function openMatch({ fd }: SourceRoot, match: string): number {
  try {
    return openInRoot(fd, match, O_PATH);
  } catch (error) {
    throw (error as { code?: string }).code === "ENOENT" ? notFound(match) : error;
  }
}

interface Place {
  fd: number;
  stat: BigIntStats;
  real: string;
  root: SourceRoot;
  excluded: IgnoreMatcher | undefined;
}

function* filesOf({ fd, stat, real, root, excluded }: Place, match: string): Generator<FoundFile> {
  if (!stat.isDirectory()) {
    if (!excluded?.ignores(posix.basename(match), false))
      yield { path: "", file: `/proc/self/fd/${fd}`, stat };
    return;
  }
  yield { path: "", file: `/proc/self/fd/${fd}`, stat };
  yield* below({ directory: `/proc/self/fd/${fd}`, path: "", real }, root.ignored, excluded);
}

interface Directory {
  /** To open it by. */
  directory: string;
  /** From the source, and from the root; byte strings. */
  path: string;
  real: string;
}

const join = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`);

/** Of a directory that is left out but for some of what is in it, it is there for the sake of those. */
function* below(
  { directory, path, real }: Directory,
  ignored: IgnoreMatcher | undefined,
  excluded: IgnoreMatcher | undefined,
): Generator<FoundFile> {
  const names = readdirSync(toPath(directory), { encoding: "latin1" }).sort();
  for (const name of names) {
    const file = toPath(`${directory}/${name}`);
    const stat = lstatSync(file, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) continue;
    const child = { directory: `${directory}/${name}`, path: join(path, name), real: join(real, name) };
    const verdict = judge(child, stat.isDirectory(), [
      [ignored, child.real],
      [excluded, child.path],
    ]);
    if (verdict === "out") continue;
    let isYielded = verdict === "in";
    if (isYielded) yield { path: child.path, file, stat };
    if (!stat.isDirectory()) continue;
    for (const found of below(child, ignored, excluded)) {
      if (!isYielded) yield { path: child.path, file, stat };
      isYielded = true;
      yield found;
    }
  }
}

function judge(
  _child: Directory,
  isDirectory: boolean,
  matchers: [IgnoreMatcher | undefined, string][],
): "in" | "out" | "perhaps" {
  let verdict: "in" | "perhaps" = "in";
  for (const [matcher, path] of matchers) {
    if (matcher === undefined) continue;
    const text = Buffer.from(path, "latin1").toString("utf8");
    if (!matcher.ignores(text, isDirectory)) continue;
    if (!isDirectory || !matcher.mayHaveExceptionsBelow(text)) return "out";
    verdict = "perhaps";
  }
  return verdict;
}

/** The directories on the way to a file come along. */
function* withParents(
  root: SourceRoot,
  files: Iterable<FoundFile>,
  { pivot, parents }: { pivot: string; parents: string },
): Generator<FoundFile> {
  const names = parents.split("/").filter(Boolean);
  for (let count = 1; count < names.length; count++) {
    const path = names.slice(0, count).join("/");
    const fd = openInRoot(root.fd, posix.join("/", pivot, path), O_PATH);
    try {
      yield { path: fromPath(path), file: `/proc/self/fd/${fd}`, stat: fstatSync(fd, { bigint: true }) };
    } finally {
      closeSync(fd);
    }
  }
  for (const found of files) yield { ...found, path: join(fromPath(parents), found.path).replace(/\/$/, "") };
}

/** "/a/./b/c" → ["/a", "b/c"]: what stands before "/./" is no part of the destination. */
function pivotOf(path: string): [pivot: string, pattern: string] {
  const at = path.indexOf("/./");
  return at < 0 ? ["", path] : [path.slice(0, at), path.slice(at + 3)];
}

/** A file that is named itself may be left out of the context too. */
function isIgnored({ ignored }: SourceRoot, path: string): boolean {
  const relative = path.slice(1);
  if (relative === "" || !ignored?.ignores(relative, false)) return false;
  return !ignored.mayHaveExceptionsBelow(relative);
}

/** The paths that a pattern of Go's filepath.Match leads to, sorted; a "*" ends at a slash. */
function expandPattern(root: SourceRoot, pattern: string): string[] {
  const names = pattern.split("/").filter(Boolean);
  let found = [""];
  for (const name of names) {
    found = found.flatMap((directory) => {
      if (!hasWildcards(name)) return [`${directory}/${name.replace(/\\(.)/g, "$1")}`];
      const glob = wildcardMatcher(name);
      return entriesOf(root, directory)
        .filter((entry) => glob.matches(entry))
        .map((entry) => `${directory}/${entry}`);
    });
  }
  const paths = found.map((path) => path || "/");
  return hasWildcards(pattern) ? paths.filter((path) => exists(root, path)) : paths;
}

function entriesOf({ fd }: SourceRoot, directory: string): string[] {
  let opened: number;
  try {
    opened = openInRoot(fd, directory || "/", O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as { code?: string }).code ?? "")) return [];
    throw error;
  }
  try {
    return readdirSync(`/proc/self/fd/${opened}`).sort();
  } finally {
    closeSync(opened);
  }
}

function exists({ fd }: SourceRoot, path: string): boolean {
  try {
    closeSync(openInRoot(fd, path, O_PATH));
    return true;
  } catch {
    return false; // a link that leads nowhere
  }
}

function notFound(path: string): Error {
  return Object.assign(new Error(`${path}: not found`), { code: "ENOENT" });
}
