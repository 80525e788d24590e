/**
 * Where a build's files are. Whatever the source, a directory comes out of it: the user's own, or a private one into
 * which an archive was unpacked or a repository checked out, and which is gone with the context.
 *
 *     await using context = await openContext(host, { kind: "git", url: "https://example.org/app.git#main:web" });
 *     readDockerfile(context.dockerfile.text, context.dockerfile.name);
 *     copyFrom(context.directory, (path) => !context.ignored?.ignores(path));
 */
import { mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../../config.ts";
import { TsrunError } from "../../errors.ts";
import type { Paths } from "../../store/paths.ts";
import { openScratch } from "../../store/scratch.ts";
import type { BuildOptions, ContextSource } from "../types.ts";
import { looksLikeArchive, peek, unpackArchive } from "./archive.ts";
import {
  type DockerfileSource,
  defaultDockerfile,
  dockerfileAnywhere,
  dockerfileBelow,
  ignoreFileOf,
  type TextFile,
} from "./dockerfile-file.ts";

/** Of this machine: where data is kept, and how servers are reached. An EngineContext is one. */
export interface Host {
  readonly paths: Paths;
  readonly config: Config;
}

export interface ContextOptions {
  signal?: AbortSignal | undefined;
  /** Bytes of what is downloaded or read, and of how many. */
  onProgress?: ((current: number, total: number | undefined) => void) | undefined;
}

/** Files without a Dockerfile: a named context. */
export interface ContextFiles extends AsyncDisposable {
  /** Absolute. Links in it may lead anywhere: what reads them has to keep them inside. */
  readonly directory: string;
  /** What is not to be seen of it, in the language of .dockerignore. */
  readonly ignoreFile: TextFile | undefined;
  /** The commit of a repository. */
  readonly commit: string | undefined;
}

export interface BuildContext extends ContextFiles {
  readonly dockerfile: TextFile;
}

/** Throws ERR_TSRUN_CONTEXT_INVALID, ERR_TSRUN_DOCKERFILE_NOT_FOUND, and what fetching and unpacking throw. */
export async function openContext(
  host: Host,
  source: ContextSource,
  { dockerfile, ...options }: ContextOptions & { dockerfile?: BuildOptions["dockerfile"] } = {},
): Promise<BuildContext> {
  const files = await openRoot(host, source, options);
  try {
    const given: DockerfileSource =
      dockerfile !== undefined && "text" in dockerfile
        ? { file: { name: "Dockerfile", text: dockerfile.text }, path: undefined }
        : files.alone !== undefined
          ? { file: { name: "Dockerfile", text: files.alone }, path: undefined }
          : find(source, files.directory, dockerfile?.path);
    return { ...shown(files), dockerfile: given.file, ignoreFile: ignoreFileOf(files.directory, given.path) };
  } catch (error) {
    await files[Symbol.asyncDispose]();
    throw error;
  }
}

/** The files of a named context. */
export async function openFiles(
  host: Host,
  source: ContextSource,
  options: ContextOptions = {},
): Promise<ContextFiles> {
  const files = await openRoot(host, source, options);
  if (files.alone === undefined)
    return { ...shown(files), ignoreFile: ignoreFileOf(files.directory, undefined) };
  await files[Symbol.asyncDispose]();
  throw new TsrunError("ERR_TSRUN_CONTEXT_INVALID", "a named context cannot be a file that is no archive", {
    hint: "name a directory, a repository, an archive, or docker-image://IMAGE",
  });
}

function find(source: ContextSource, directory: string, path: string | undefined): DockerfileSource {
  if (path === undefined) return defaultDockerfile(directory);
  return source.kind === "directory" ? dockerfileAnywhere(directory, path) : dockerfileBelow(directory, path);
}

interface Root extends AsyncDisposable {
  directory: string;
  commit: string | undefined;
  /** The source was no archive but a Dockerfile: this one, with no files beside it. */
  alone: string | undefined;
}

function shown(root: Root): Omit<ContextFiles, "ignoreFile"> {
  const { directory, commit } = root;
  return { directory, commit, [Symbol.asyncDispose]: () => root[Symbol.asyncDispose]() };
}

async function openRoot(host: Host, source: ContextSource, options: ContextOptions): Promise<Root> {
  switch (source.kind) {
    case "directory":
      return userDirectory(source.path);
    case "git": {
      const { openGit } = await import("./git.ts");
      const { directory, commit, [Symbol.dispose]: dispose } = await openGit(host.paths, source.url, options);
      return { directory, commit, alone: undefined, [Symbol.asyncDispose]: async () => dispose() };
    }
    case "url": {
      const { fetchUrl } = await import("./fetch-url.ts");
      const { body } = await fetchUrl(host.config, source.url, options);
      return await received(host, body, options.signal);
    }
    case "stream":
      return await received(host, counted(source.stream, options), options.signal);
  }
}

function userDirectory(path: string): Root {
  const directory = resolve(path);
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new TsrunError("ERR_TSRUN_CONTEXT_INVALID", `path "${path}" not found or not a directory`, {
      hint: "the context of a build is a directory, a URL, a git repository, or a stream",
    });
  }
  return { directory, commit: undefined, alone: undefined, [Symbol.asyncDispose]: async () => {} };
}

/** Larger than any Dockerfile: what is longer, and no archive, is a mistake. */
const DOCKERFILE_LIMIT = 8 * 1024 * 1024;

async function received(
  { paths }: Host,
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Root> {
  const scratch = openScratch(paths);
  try {
    // A directory of its own, whose mode and owner the archive may say.
    const directory = join(scratch.path, "context");
    mkdirSync(directory, { mode: 0o755 });
    const { head, whole } = await peek(stream);
    const isArchive = looksLikeArchive(head);
    if (isArchive) await unpackArchive(whole, directory, signal);
    return {
      directory,
      commit: undefined,
      alone: isArchive ? undefined : await textOf(whole),
      [Symbol.asyncDispose]: async () => scratch[Symbol.dispose](),
    };
  } catch (error) {
    scratch[Symbol.dispose]();
    throw error;
  }
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of stream) {
    pieces.push(Buffer.from(piece));
    length += piece.length;
    if (length <= DOCKERFILE_LIMIT) continue;
    throw new TsrunError(
      "ERR_TSRUN_CONTEXT_INVALID",
      "what was sent is neither an archive nor a Dockerfile",
      {
        hint: "send a tar archive, plain or compressed, or a Dockerfile",
      },
    );
  }
  return Buffer.concat(pieces).toString("utf8");
}

async function* counted(
  stream: AsyncIterable<Uint8Array>,
  { signal, onProgress }: ContextOptions,
): AsyncGenerator<Uint8Array> {
  const { endingOnAbort } = await import("../../store/input-file.ts");
  using _ending = endingOnAbort(stream, signal);
  let current = 0;
  for await (const piece of stream) {
    current += piece.length;
    onProgress?.(current, undefined);
    yield piece;
  }
}
