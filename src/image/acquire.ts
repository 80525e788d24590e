/**
 * Brings an image into the store: resolve, download what is missing, and only when all of it is verified and on disk
 * give it its names. Whatever interrupts it leaves no image; layers that were complete serve the next attempt.
 */
import type { Config } from "../config.ts";
import { readBlob } from "../store/blobs.ts";
import { holdStore, type ImageRecord, imageNamed, nameImage } from "../store/images.ts";
import { commitLayers } from "../store/layers.ts";
import type { Paths } from "../store/paths.ts";
import { sweepScratch } from "../store/scratch.ts";
import { downloadLayers, type Layer, missingLayers } from "./download-layers.ts";
import type { Descriptor } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import type { OnProgress } from "./pull-event.ts";
import { canonicalName, familiarName, type Reference, withDigest } from "./reference.ts";
import { type ResolvedImage, resolveManifest } from "./resolve-manifest.ts";
import type { ImageSource } from "./source.ts";

export interface ImageContext {
  paths: Paths;
  config: Config;
}

export interface AcquireOptions {
  paths: Paths;
  /** Opens the source; what it does ends when the signal is aborted. */
  open(signal: AbortSignal): Promise<ImageSource>;
  platform?: Platform | undefined;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

export interface AcquiredImage {
  /** Of the manifest or index that the reference names. */
  digest: string;
  /** Digest of the configuration. */
  imageId: string;
  /** Nothing was new. */
  upToDate: boolean;
}

export async function acquireImage(ref: Reference, options: AcquireOptions): Promise<AcquiredImage> {
  const { paths, platform, onProgress = () => {} } = options;
  const stopped = new AbortController();
  const signal =
    options.signal === undefined ? stopped.signal : AbortSignal.any([options.signal, stopped.signal]);
  signal.throwIfAborted();
  using _held = await holdStore(paths, { signal });
  using source = await options.open(signal);
  const name = canonicalName(ref);
  const before = imageNamed(paths, name);
  const image = await resolveManifest(ref, { paths, source, platform, isKnown: before !== undefined });
  const layers = layersOf(image);
  const missing = missingLayers(paths, layers);
  announce(familiarName(ref), { image, layers, missing, onProgress });

  // Whoever was killed while it brought the same, say, left as much as is to come now.
  if (missing.length > 0) sweepScratch(paths);
  const stop = (reason: unknown) => stopped.abort(reason);
  await downloadLayers(missing, { paths, source, onProgress, signal, stop });
  // Not what is there: each sync of a pull that brings nothing takes longer than its request.
  const documents = [...image.documents].filter(([digest]) => readBlob(paths, digest) === undefined);
  await commitLayers(paths, image.configuration.diffIds, new Map(documents));
  const record = recordOf(image);
  // The name by digest stays when the tag moves on: that is what keeps the image findable, as with Docker.
  const byDigest = canonicalName(withDigest(ref, image.target.digest));
  await nameImage(paths, [name, byDigest], record);

  const upToDate =
    missing.length === 0 && before?.target.digest === record.target.digest && before.config === record.config;
  onProgress({ type: "done", reference: familiarName(ref), digest: image.target.digest, upToDate });
  return { digest: image.target.digest, imageId: record.config, upToDate };
}

/** The layers, each with its diff id. */
export function layersOf({ manifest, configuration }: ResolvedImage): Layer[] {
  const { diffIds } = configuration;
  return manifest.layers.map((layer: Descriptor, i) => ({ ...layer, diffId: diffIds[i] as string }));
}

/** What images.json keeps of it. */
export function recordOf({ target, manifestDigest, manifest }: ResolvedImage): ImageRecord {
  return { target, manifest: manifestDigest, config: manifest.config.digest };
}

interface Announcement {
  image: ResolvedImage;
  layers: Layer[];
  missing: Layer[];
  onProgress: OnProgress;
}

function announce(reference: string, { image, layers, missing, onProgress }: Announcement): void {
  const totalBytes = missing.reduce((sum, { size }) => sum + size, 0);
  onProgress({ type: "start", reference, digest: image.target.digest, layers: layers.length, totalBytes });
  const isMissing = new Set(missing.map(({ digest }) => digest));
  for (const { digest } of layers) {
    if (!isMissing.has(digest)) onProgress({ type: "layer", digest, state: "exists" });
  }
}
