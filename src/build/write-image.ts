/** The image of a build: its documents, and what the store is told of it. What is there already is not written again. */
import { type HistoryEntry, manifestOf, type OciManifest } from "../engine/new-image.ts";
import type { SavedImage } from "../image/archive/write.ts";
import { hostPlatform, type Platform, rank } from "../image/platform.ts";
import { parseReference } from "../image/reference.ts";
import { hasBlob, putBlob } from "../store/blobs.ts";
import { digestOf } from "../store/digest.ts";
import { nameImage } from "../store/images.ts";
import { commitLayers } from "../store/layers.ts";
import type { Paths } from "../store/paths.ts";
import type { FinishedImage } from "./image.ts";
import type { BuildOptions, BuildResult } from "./types.ts";

interface Document {
  readonly digest: string;
  readonly bytes: Buffer;
  readonly mediaType: string;
}

export interface ImageDocuments {
  readonly image: FinishedImage;
  readonly config: Document;
  readonly manifest: Document;
  readonly content: OciManifest;
}

const CONFIG = "application/vnd.oci.image.config.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";

/** Configuration and manifest; the layers are safe in the store from now on. */
export async function imageDocuments(
  paths: Paths,
  image: FinishedImage,
  { annotations = {}, extra = {} }: Pick<BuildOptions, "annotations"> & { extra?: object },
): Promise<ImageDocuments> {
  await commitLayers(paths, image.layers);
  const config = document({ ...configurationOf(image), ...extra }, CONFIG);
  const plain = manifestOf(paths, { digest: config.digest, size: config.bytes.length }, image.layers);
  const content = { ...plain, ...(Object.keys(annotations).length > 0 && { annotations }) };
  return { image, config, manifest: document(content, plain.mediaType), content };
}

/** Takes images into the store under the names (canonical); several are one index. */
export async function storeImages(
  paths: Paths,
  all: readonly ImageDocuments[],
  names: readonly string[],
): Promise<Pick<BuildResult, "imageId" | "digest" | "mediaType" | "size" | "names">> {
  const [first] = all;
  if (first === undefined) throw new RangeError("no image");
  for (const { config, manifest } of all) for (const each of [config, manifest]) put(paths, each);
  const target = all.length === 1 ? first.manifest : indexOf(all);
  put(paths, target);
  const own = all.find(({ image }) => rank(hostPlatform(), image.platform) >= 0) ?? first;
  for (const each of [...all.filter((other) => other !== own), own]) {
    await nameImage(paths, each === own ? names : [], {
      target: { digest: target.digest, mediaType: target.mediaType },
      manifest: each.manifest.digest,
      config: each.config.digest,
    });
  }
  const { digest, mediaType, bytes } = target;
  return { imageId: own.config.digest, digest, mediaType, size: bytes.length, names };
}

/** As an archive takes it. */
export function savedImage(
  { image, config, manifest, content }: ImageDocuments,
  names: readonly string[],
): SavedImage {
  const { digest, bytes, mediaType } = manifest;
  return {
    manifest: { descriptor: { mediaType, digest, size: bytes.length }, bytes },
    config: { digest: config.digest, bytes: config.bytes },
    layers: content.layers,
    platform: image.platform,
    references: names.map(parseReference),
  };
}

function indexOf(all: readonly ImageDocuments[]): Document {
  const manifests = all.map(({ manifest: { digest, mediaType, bytes }, image }) => ({
    mediaType,
    digest,
    size: bytes.length,
    platform: platformFields(image.platform),
  }));
  return document({ schemaVersion: 2, mediaType: INDEX, manifests }, INDEX);
}

function document(content: object, mediaType: string): Document {
  const bytes = Buffer.from(JSON.stringify(content));
  return { digest: digestOf(bytes), bytes, mediaType };
}

function put(paths: Paths, { digest, bytes }: Document): void {
  if (!hasBlob(paths, digest)) putBlob(paths, digest, bytes);
}

/** image-spec config.md, in the order in which BuildKit writes it. */
function configurationOf(image: FinishedImage): object {
  const { platform, author, created, config, layers, history } = image;
  return {
    ...(author !== undefined && { author }),
    ...(created !== undefined && { created }),
    ...platformFields(platform),
    config,
    rootfs: { type: "layers", diff_ids: layers },
    history: history satisfies readonly HistoryEntry[],
  };
}

const platformFields = ({ architecture, os, variant }: Platform): object => ({
  architecture,
  os,
  ...(variant !== undefined && { variant }),
});
