/**
 * load: the images of an archive. Everything is verified before the first of them is named: an archive that is not
 * whole leaves no image, only layers and blobs that no image has, for the next collection.
 */
import { statSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { isDockerArchive, isOldDockerArchive } from "../image/archive/docker-archive.ts";
import { type ArchiveFiles, invalidArchive } from "../image/archive/files.ts";
import { isLayout } from "../image/archive/oci-layout.ts";
import { type Platform, parsePlatform } from "../image/platform.ts";
import type { OnProgress } from "../image/pull-event.ts";
import { canonicalName, familiarName, type Reference } from "../image/reference.ts";
import { holdStore, type ImageRecord, nameImage, readImages } from "../store/images.ts";
import { commitLayers } from "../store/layers.ts";
import type { Paths } from "../store/paths.ts";
import type { LoadedImage, LoadOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { recordEvent } from "./events.ts";

/** Throws ERR_TSRUN_ARCHIVE_INVALID, or the code of what is wrong with an image in it. */
export async function loadImages(
  context: EngineContext,
  source: AsyncIterable<Uint8Array> | { path: string },
  options: LoadOptions = {},
): Promise<LoadedImage[]> {
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const stopped = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stopped.signal]) : stopped.signal;
  signal.throwIfAborted();
  using files = await openFiles(context, source, signal);
  using _store = await holdStore(context.paths, { signal });
  const stop = (reason: unknown) => stopped.abort(reason);
  const { onProgress = () => {} } = options;
  const loading = { paths: context.paths, files, platform, signal, stop, onProgress };
  const found = await content(loading).catch(asArchiveError);
  const layers = found.flatMap(({ diffIds }) => diffIds);
  await commitLayers(context.paths, layers);
  const loaded: LoadedImage[] = [];
  for (const { record, references } of found) loaded.push(await named(context, record, references));
  return loaded;
}

/** A load that is under way. */
export interface Loading {
  paths: Paths;
  files: ArchiveFiles;
  platform: Platform | undefined;
  signal: AbortSignal;
  /** Ends all of it. */
  stop: (reason: unknown) => void;
  onProgress: OnProgress;
}

/** An image that is in the store but for its names. */
export interface Found {
  record: ImageRecord;
  diffIds: readonly string[];
  references: Reference[];
}

async function openFiles(
  { paths }: EngineContext,
  source: AsyncIterable<Uint8Array> | { path: string },
  signal: AbortSignal,
): Promise<ArchiveFiles> {
  if (!("path" in source)) {
    const { openTarStream } = await import("../image/archive/tar-files.ts");
    return openTarStream(source, { paths, signal });
  }
  try {
    if (statSync(source.path).isDirectory()) {
      const { openDirectory } = await import("../image/archive/directory-files.ts");
      return openDirectory(source.path);
    }
    const { openTarFile } = await import("../image/archive/tar-files.ts");
    const { openInput } = await import("../store/input-file.ts");
    return await openTarFile(openInput(source.path), { paths, signal });
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== "open" && syscall !== "stat") throw error;
    const reason = code === "ENOENT" ? "no such file or directory" : code;
    throw new TsrunError("ERR_TSRUN_PATH_NOT_FOUND", `open ${source.path}: ${reason}`, {
      hint: "give an archive, or a directory with an OCI layout",
      cause: error,
    });
  }
}

/** Brings everything into the store but the names. A layout says more than docker's list, where an archive has both. */
async function content(loading: Loading): Promise<Found[]> {
  const { files } = loading;
  if (isLayout(files)) {
    const { layoutContent } = await import("./load-layout.ts");
    return layoutContent(loading);
  }
  if (isDockerArchive(files)) {
    const { dockerContent } = await import("./load-docker.ts");
    return dockerContent(loading);
  }
  throw invalidArchive(
    isOldDockerArchive(files)
      ? "it was written by a docker older than 1.10, whose images nobody can verify"
      : "it has neither index.json nor manifest.json",
  );
}

async function named(
  context: EngineContext,
  record: ImageRecord,
  all: readonly Reference[],
): Promise<LoadedImage> {
  const { paths } = context;
  // By what digest a registry has it is for a registry to say.
  const references = all.filter(({ digest }) => digest === undefined);
  const before = readImages(paths).names;
  const displaced = references.flatMap((ref) => {
    const id = before[canonicalName(ref)]?.config;
    return id === undefined || id === record.config ? [] : [{ name: familiarName(ref), id }];
  });
  await nameImage(paths, references.map(canonicalName), record);
  const names = references.map(familiarName);
  const id = record.config;
  recordEvent(context, { type: "image", action: "load", id, attributes: { name: names[0] ?? id } });
  return { id, names, displaced };
}

/** Errors that speak of registries, in the words of archives. */
function asArchiveError(error: unknown): never {
  if (!(error instanceof TsrunError) || !OF_CONTENT.test(error.code)) throw error;
  throw new TsrunError(error.code, error.message, {
    hint: "the archive is damaged, or not what it says: nothing of it can be used; get it again",
    cause: error.cause ?? error,
  });
}

const OF_CONTENT =
  /^ERR_TSRUN_(?:DIGEST_(?:MISMATCH|INVALID)|SIZE_MISMATCH|LAYER_CORRUPT|MANIFEST_INVALID|DOCUMENT_TOO_LARGE)$/;
