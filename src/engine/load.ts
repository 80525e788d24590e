/**
 * load: the images of an archive. Everything is verified before the first of them is named: an archive that is not
 * whole leaves no image, only layers and blobs that no image has, for the next collection.
 */
import { openSync, statSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { layersOf, recordOf } from "../image/acquire.ts";
import { dockerImages, isDockerArchive, isOldDockerArchive } from "../image/archive/docker-archive.ts";
import { type ArchiveFiles, invalidArchive } from "../image/archive/files.ts";
import {
  choosePresent,
  isLayout,
  type LayoutImage,
  layoutImages,
  layoutSource,
} from "../image/archive/oci-layout.ts";
import { downloadLayers, missingLayers } from "../image/download-layers.ts";
import { formatPlatform, type Platform, parsePlatform, rank } from "../image/platform.ts";
import { canonicalName, familiarName, parseReference, type Reference } from "../image/reference.ts";
import { resolveServed } from "../image/resolve-manifest.ts";
import { putBlob, readBlob } from "../store/blobs.ts";
import { holdStore, type ImageRecord, nameImage, readImages } from "../store/images.ts";
import { commitLayers } from "../store/layers.ts";
import { layerFromKnownTar } from "../store/new-layer.ts";
import type { LoadedImage, LoadOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { recordEvent } from "./events.ts";
import { putManifest } from "./new-image.ts";

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
  const loading: Loading = { ...options, context, files, platform, signal, stop };
  const found = await content(loading).catch(asArchiveError);
  const layers = found.flatMap(({ diffIds }) => diffIds);
  await commitLayers(context.paths, layers);
  const loaded: LoadedImage[] = [];
  for (const { record, references } of found) loaded.push(await named(context, record, references));
  return loaded;
}

interface Loading extends Omit<LoadOptions, "platform"> {
  context: EngineContext;
  files: ArchiveFiles;
  platform: Platform | undefined;
  signal: AbortSignal;
  stop: (reason: unknown) => void;
}

interface Found {
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
    return await openTarFile(openSync(source.path, "r"), { paths, signal });
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
  const { files, platform } = loading;
  const found: Found[] = [];
  if (isLayout(files)) {
    for (const image of await layoutImages(files, platform)) found.push(await layoutContent(loading, image));
  } else if (isDockerArchive(files)) {
    found.push(...(await dockerContent(loading)));
  } else if (isOldDockerArchive(files)) {
    throw invalidArchive("it was written by a docker older than 1.10, whose images nobody can verify");
  } else {
    throw invalidArchive("it has neither index.json nor manifest.json");
  }
  return found;
}

async function layoutContent(loading: Loading, { descriptor, names }: LayoutImage): Promise<Found> {
  const { context, files, platform, signal, stop, onProgress = () => {} } = loading;
  const { paths } = context;
  const source = layoutSource(files);
  const { digest, mediaType } = descriptor;
  const { bytes } = await source.manifest(digest);
  const image = await resolveServed(
    { bytes, digest, mediaType },
    {
      paths,
      source,
      platform,
      name: names[0] ?? digest,
      choose: (index) => choosePresent(files, index, platform),
    },
  );
  const layers = layersOf(image);
  const missing = missingLayers(paths, layers);
  const totalBytes = missing.reduce((sum, { size }) => sum + size, 0);
  onProgress({ type: "start", reference: names[0] ?? digest, digest, layers: layers.length, totalBytes });
  await downloadLayers(missing, { paths, source, onProgress, signal, stop });
  for (const [key, document] of image.documents) putBlob(paths, key, document);
  return { record: recordOf(image), diffIds: image.configuration.diffIds, references: names.map(parseReference) };
}

async function dockerContent(loading: Loading): Promise<Found[]> {
  const { context, files, platform, signal, onProgress = () => {} } = loading;
  const { paths } = context;
  const found: Found[] = [];
  for await (const { id, document, configuration, layers, names } of dockerImages(files)) {
    checkPlatform(configuration.platform, platform, names[0] ?? id);
    const sizes = layers.map(({ file }) => files.size(file) ?? 0);
    const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
    onProgress({
      type: "start",
      reference: names[0] ?? id,
      digest: id,
      layers: layers.length,
      totalBytes,
    });
    let receivedBytes = 0;
    for (const [i, { diffId, file }] of layers.entries()) {
      onProgress({ type: "layer", digest: diffId, state: "downloading" });
      await layerFromKnownTar(paths, files.stream(file), { diffId, signal });
      receivedBytes += sizes[i] as number;
      onProgress({ type: "progress", receivedBytes, totalBytes });
      onProgress({ type: "layer", digest: diffId, state: "done" });
    }
    putBlob(paths, id, document);
    const { diffIds } = configuration;
    // An image that is here keeps the manifest by which it was pulled.
    const known = readImages(paths).known[id];
    const record =
      known !== undefined && readBlob(paths, known.manifest) !== undefined
        ? known
        : putManifest(paths, { digest: id, size: document.length }, diffIds);
    found.push({ record, diffIds, references: names.map(parseReference) });
  }
  return found;
}

/** What `pull` checks of an image that a manifest describes. */
function checkPlatform(actual: Platform, wanted: Platform | undefined, name: string): void {
  if (wanted === undefined ? actual.os === "linux" : rank(wanted, actual) >= 0) return;
  const expected = wanted === undefined ? "linux" : formatPlatform(wanted);
  const message = `image ${name} was found but is for ${formatPlatform(actual)}, not for ${expected}`;
  throw new TsrunError("ERR_TSRUN_PLATFORM_NOT_FOUND", message, {
    hint: "leave --platform out, or use another archive",
  });
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
