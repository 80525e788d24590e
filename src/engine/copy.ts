/** cp: files between this host and a container, in both directions, put together from the engine's archives. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  type Stats,
  statSync,
} from "node:fs";
import { posix, resolve } from "node:path";
import { TsrunError } from "../errors.ts";
import { O_PATH, openBeneath } from "../kernel/openat2.ts";
import { packTree } from "../store/pack/pack.ts";
import { fromPath } from "../store/unpack/bytes.ts";
import { unpackInto } from "../store/unpack/unpack-into.ts";
import type { EngineApi, PathStat } from "./api.ts";
import {
  asksForContents,
  asksForDirectory,
  type CopyDestination,
  conflict,
  placeCopy,
  renamed,
  splitPath,
} from "./copy-rules.ts";

type Archives = Pick<EngineApi, "statPath" | "copyFrom" | "copyTo">;
type Bytes = AsyncIterable<Uint8Array>;

export interface InContainer {
  container: string;
  path: string;
}

export interface CopyOptions {
  /** Keeps owners and extended attributes; otherwise everything is root's in a container, this process's outside. */
  keepOwner?: boolean;
  /** Copies what a source leads to that is a symbolic link. */
  followLink?: boolean;
  signal?: AbortSignal;
  /** Called with the bytes of the archive so far. */
  onProgress?: (bytes: number) => void;
}

export interface CopyReport {
  /** Of the archive that went from one side to the other. */
  bytes: number;
}

/** A file or directory of the host to a container. `source` may be a tar archive instead, for an existing directory. */
export async function copyIn(
  engine: Archives,
  source: string | Bytes,
  { to, ...options }: CopyOptions & { to: InContainer },
): Promise<CopyReport> {
  const destination = await destinationInContainer(engine, to);
  const count = counter(options);
  const copyTo = async (directory: string, archive: Bytes): Promise<CopyReport> => {
    await engine.copyTo(to.container, directory, count.through(archive), passed(options));
    return { bytes: count.bytes };
  };
  if (typeof source !== "string") {
    if (destination.isDirectory) return copyTo(destination.path, source);
    throw conflict(`destination "${to.container}:${to.path}" must be a directory`, "make it first");
  }
  const fd = openSource(source, options.followLink ?? false);
  try {
    const base = splitPath(absolute(source)).base;
    const place = placeCopy({ base, isDirectory: fstatSync(fd).isDirectory() }, destination);
    const name = fromPath(place.name ?? base);
    return await copyTo(place.directory, packTree(fd, { name, signal: options.signal }));
  } finally {
    closeSync(fd);
  }
}

/** A file or directory of a container to the host. */
export async function copyOut(
  engine: Archives,
  from: InContainer,
  { to, ...options }: CopyOptions & { to: string },
): Promise<CopyReport> {
  const destination = destinationOnHost(to);
  const { stat, archive } = await engine.copyFrom(from.container, from.path, {
    ...(options.followLink ? { followLink: true } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  try {
    const { base } = splitPath(posix.join("/", from.path) + (asksForContents(from.path) ? "/." : ""));
    const { directory, name } = placeCopy({ base, isDirectory: stat.isDirectory }, destination);
    const count = counter(options);
    const fd = openSync(directory, O_PATH | constants.O_DIRECTORY);
    try {
      await unpackInto(count.through(archive), {
        open: (path, flags) => openBeneath(fd, path, flags),
        directory: ".",
        owner: options.keepOwner ? undefined : thisUser(),
        signal: options.signal,
        ...(name === undefined
          ? {}
          : { rename: (path) => renamed(path, { base: fromPath(base), name: fromPath(name) }) }),
      });
    } finally {
      closeSync(fd);
    }
    return { bytes: count.bytes };
  } finally {
    archive.destroy();
  }
}

function passed({ keepOwner, signal }: CopyOptions): { keepOwner?: boolean; signal?: AbortSignal } {
  return { ...(keepOwner ? { keepOwner } : {}), ...(signal ? { signal } : {}) };
}

const thisUser = (): { uid: number; gid: number } => ({
  uid: process.geteuid?.() ?? 0,
  gid: process.getegid?.() ?? 0,
});

function counter({ onProgress = () => {} }: CopyOptions) {
  const count = {
    bytes: 0,
    async *through(archive: Bytes): AsyncGenerator<Uint8Array> {
      for await (const chunk of archive) {
        count.bytes += chunk.length;
        onProgress(count.bytes);
        yield chunk;
      }
    },
  };
  return count;
}

/** A link at the end of the path is followed, also to where nothing is yet. */
async function destinationInContainer(
  engine: Archives,
  { container, path }: InContainer,
): Promise<CopyDestination> {
  const followed = await unlessMissing(engine.statPath(container, path, { follow: true }));
  if (followed) return { path, exists: true, isDirectory: followed.isDirectory };
  const link = await unlessMissing(engine.statPath(container, path));
  const target = link?.linkTarget
    ? posix.resolve("/", posix.dirname(posix.join("/", path)), link.linkTarget)
    : path;
  return { path: target, exists: false, isDirectory: false };
}

async function unlessMissing(stat: Promise<PathStat>): Promise<PathStat | undefined> {
  try {
    return await stat;
  } catch (error) {
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_PATH_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Absolute, with what its end says kept. */
function absolute(path: string): string {
  const clean = resolve(path);
  if (asksForContents(path)) return `${clean}/.`;
  return path.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}

function openSource(path: string, follow: boolean): number {
  try {
    return openSync(absolute(path), O_PATH | (follow ? 0 : constants.O_NOFOLLOW));
  } catch (error) {
    throw hostError(path, error);
  }
}

function destinationOnHost(path: string): CopyDestination {
  const full = absolute(path);
  const found = stat(full, path);
  if (found) {
    if (found.isDirectory() || found.isFile())
      return { path: full, exists: true, isDirectory: found.isDirectory() };
    throw conflict(
      `invalid output path: ${path} must be a directory or a regular file`,
      "choose another one",
    );
  }
  const target = linkTarget(full) ?? full;
  const { directory } = splitPath(target.replace(/\/\.$/, ""));
  if (!stat(directory, directory)?.isDirectory()) {
    throw new TsrunError(
      "ERR_TSRUN_PATH_NOT_FOUND",
      `invalid output path: directory "${directory}" does not exist`,
      { hint: `make it first: mkdir -p ${directory}` },
    );
  }
  return { path: target, exists: false, isDirectory: false };
}

function stat(path: string, asked: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw hostError(asked, error);
  }
}

/** Where a link leads at whose end there is nothing. */
function linkTarget(path: string): string | undefined {
  if (asksForDirectory(path) || !lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink())
    return undefined;
  return resolve(posix.dirname(path), readlinkSync(path));
}

function hostError(path: string, error: unknown): TsrunError {
  const { code } = error as { code?: string };
  const reasons: Record<string, string> = {
    ENOENT: "no such file or directory",
    ENOTDIR: "not a directory",
    EACCES: "permission denied",
  };
  return new TsrunError("ERR_TSRUN_PATH_NOT_FOUND", `lstat ${path}: ${reasons[code ?? ""] ?? code}`, {
    hint: "this path is on this host, not in the container",
    cause: error,
  });
}
