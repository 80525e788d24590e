/** An image that is made here: its configuration, its manifest, and its name. */
import { TsrunError } from "../errors.ts";
import type { ImageConfig } from "../image/config-document.ts";
import type { Descriptor } from "../image/manifest.ts";
import type { Platform } from "../image/platform.ts";
import { canonicalName, parseReference } from "../image/reference.ts";
import { putBlob, readBlob } from "../store/blobs.ts";
import { digestOf } from "../store/digest.ts";
import { type ImageRecord, nameImage } from "../store/images.ts";
import { commitLayers, type LayerInfo, layerInfo } from "../store/layers.ts";
import type { Paths } from "../store/paths.ts";

/** One line of an image's history (image-spec config.md); only those that are not empty have a layer. */
export interface HistoryEntry {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

export interface NewImage {
  platform: Platform;
  author?: string | undefined;
  comment?: string | undefined;
  config: ImageConfig;
  /** Diff ids of layers in the store, lowest first. */
  layers: readonly string[];
  history: readonly HistoryEntry[];
  /** Canonical names. */
  names: readonly string[];
}

export interface OciManifest {
  schemaVersion: 2;
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
}

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";

/** The canonical name for a new image; throws ERR_TSRUN_REFERENCE_INVALID, also for a digest: that is not chosen. */
export function nameForNewImage(reference: string): string {
  const parsed = parseReference(reference);
  if (parsed.digest !== undefined) {
    throw new TsrunError(
      "ERR_TSRUN_REFERENCE_INVALID",
      `${reference} has a digest, which nobody can choose`,
      {
        hint: "give a name and a tag",
      },
    );
  }
  return canonicalName(parsed);
}

/** Writes the image down and names it; returns its id. The caller holds the store since before it looked at layers. */
export async function writeImage(paths: Paths, image: NewImage): Promise<string> {
  await commitLayers(paths, image.layers);
  const configuration = put(paths, {
    created: new Date().toISOString(),
    ...(image.author ? { author: image.author } : {}),
    ...(image.comment ? { comment: image.comment } : {}),
    architecture: image.platform.architecture,
    ...(image.platform.variant ? { variant: image.platform.variant } : {}),
    os: image.platform.os,
    config: image.config,
    rootfs: { type: "layers", diff_ids: image.layers },
    history: image.history,
  });
  const record = putManifest(paths, configuration, image.layers);
  await nameImage(paths, image.names, record);
  return configuration.digest;
}

/** Writes the manifest of an image whose configuration is here, with its layers as the store has them. */
export function putManifest(
  paths: Paths,
  configuration: { digest: string; size: number },
  layers: readonly string[],
): ImageRecord {
  const { digest } = put(paths, manifestOf(paths, configuration, layers));
  return { target: { digest, mediaType: MANIFEST }, manifest: digest, config: configuration.digest };
}

/** The manifest of a configuration and layers (diff ids, lowest first) in the store. */
export function manifestOf(
  paths: Paths,
  { digest, size }: { digest: string; size: number },
  layers: readonly string[],
): OciManifest {
  return {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest, size },
    layers: layers.map((diffId) => descriptor(paths, diffId)),
  };
}

/**
 * The history of an image in the store; of one that is gone, or whose history is none of its layers, a line without
 * words for each layer.
 */
export function historyOf(paths: Paths, imageId: string, layers: readonly string[]): HistoryEntry[] {
  const bytes = readBlob(paths, imageId);
  const { history } = (bytes ? JSON.parse(bytes.toString()) : {}) as { history?: unknown };
  const entries = Array.isArray(history) && history.every(isHistoryEntry) ? history : [];
  const made = entries.filter((entry) => !entry.empty_layer);
  return made.length === layers.length && entries.length > 0 ? entries : layers.map(() => ({}));
}

/** Whether it is one for certain: nobody has looked at an image's history before. Null is Go's absent field. */
function isHistoryEntry(value: unknown): value is HistoryEntry {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { created, created_by, author, comment, empty_layer } = value as Record<string, unknown>;
  const texts = [created, created_by, author, comment];
  return (
    texts.every((text) => typeof (text ?? "") === "string") && typeof (empty_layer ?? false) === "boolean"
  );
}

function put(paths: Paths, document: object): { digest: string; size: number } {
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = digestOf(bytes);
  if (readBlob(paths, digest) === undefined) putBlob(paths, digest, bytes);
  return { digest, size: bytes.length };
}

function descriptor(paths: Paths, diffId: string): Descriptor {
  const { mediaType, digest, compressedSize } = layerInfo(paths, diffId) as LayerInfo;
  return { mediaType: ociMediaType(mediaType), digest, size: compressedSize };
}

/** The same formats by their other names: an OCI manifest is to list OCI layers. */
function ociMediaType(mediaType: string): string {
  const compression = /(?:gzip|zstd)$/.exec(mediaType)?.[0];
  return `application/vnd.oci.image.layer.v1.tar${compression ? `+${compression}` : ""}`;
}
