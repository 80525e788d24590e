/** load: the images of a docker archive. It has no manifests: they are made here, of the layers as they are kept. */
import { TsrunError } from "../errors.ts";
import { type DockerImage, dockerImages } from "../image/archive/docker-archive.ts";
import { inParallel } from "../image/in-parallel.ts";
import { formatPlatform, type Platform, rank } from "../image/platform.ts";
import { parseReference } from "../image/reference.ts";
import { putBlob, readBlob } from "../store/blobs.ts";
import { readImages } from "../store/images.ts";
import { layerFromKnownTar } from "../store/new-layer.ts";
import type { Found, Loading } from "./load.ts";
import { putManifest } from "./new-image.ts";

/** Layers that are compressed and unpacked at once. */
const PARALLEL = 4;

/** Brings everything of all images into the store but their names. */
export async function dockerContent(loading: Loading): Promise<Found[]> {
  const { paths, platform } = loading;
  const found: Found[] = [];
  for await (const image of dockerImages(loading.files)) {
    const { id, document, configuration, names } = image;
    const { diffIds } = configuration;
    const references = names.map(parseReference);
    checkPlatform(configuration.platform, platform, names[0] ?? id);
    await bringLayers(loading, image);
    putBlob(paths, id, document);
    // An image that is here keeps the manifest by which it was pulled.
    const known = readImages(paths).known[id];
    const record =
      known !== undefined && readBlob(paths, known.manifest) !== undefined
        ? known
        : putManifest(paths, { digest: id, size: document.length }, diffIds);
    found.push({ record, diffIds, references });
  }
  return found;
}

async function bringLayers(
  { paths, files, signal, stop, onProgress }: Loading,
  { id, layers, names }: DockerImage,
): Promise<void> {
  const sized = [...new Map(layers.map((layer) => [layer.diffId, layer])).values()].map((layer) => ({
    ...layer,
    size: files.size(layer.file) ?? 0,
  }));
  const totalBytes = sized.reduce((sum, { size }) => sum + size, 0);
  onProgress({ type: "start", reference: names[0] ?? id, digest: id, layers: layers.length, totalBytes });
  let receivedBytes = 0;
  const report = (bytes: number) => {
    receivedBytes += bytes;
    onProgress({ type: "progress", receivedBytes, totalBytes });
  };
  await inParallel(sized, { limit: PARALLEL, signal, stop }, async ({ diffId, file, size }) => {
    onProgress({ type: "layer", digest: diffId, state: "downloading" });
    let read = 0;
    const tar = counted(files.stream(file), (bytes) => {
      read += bytes;
      report(bytes);
    });
    await layerFromKnownTar(paths, tar, { diffId, signal });
    // One that was here was not read.
    report(size - read);
    onProgress({ type: "layer", digest: diffId, state: "done" });
  });
}

async function* counted(
  source: AsyncIterable<Buffer>,
  report: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    report(chunk.length);
    yield chunk;
  }
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
