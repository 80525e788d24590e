/** Brings the layers of an image that the store lacks, several at once; the store verifies and unpacks each. */
import { ingestLayer } from "../store/ingest.ts";
import { hasLayer } from "../store/layers.ts";
import type { Paths } from "../store/paths.ts";
import { inParallel } from "./in-parallel.ts";
import type { Descriptor } from "./manifest.ts";
import type { OnProgress } from "./pull-event.ts";
import type { ImageSource } from "./source.ts";

export interface DownloadOptions {
  paths: Paths;
  source: ImageSource;
  onProgress: OnProgress;
  /** Aborts everything; `stop` is called with the first failure, so that the other downloads end too. */
  signal: AbortSignal;
  stop(reason: unknown): void;
}

/** A layer as the manifest describes it, with its diff id from the configuration. */
export interface Layer extends Descriptor {
  diffId: string;
}

/** Enough to fill a line while one layer is unpacked; registries limit connections of one client. */
const PARALLEL = 4;

/** The layers that are to be downloaded, each once: an image may contain the same layer twice. */
export function missingLayers(paths: Paths, layers: readonly Layer[]): Layer[] {
  const byDiffId = new Map(layers.map((layer) => [layer.diffId, layer]));
  return [...byDiffId.values()].filter(({ diffId }) => !hasLayer(paths, diffId));
}

/** Ends when all layers are in the store, or throws the first failure once none is being worked on any more. */
export async function downloadLayers(layers: readonly Layer[], options: DownloadOptions): Promise<void> {
  const { paths, source, onProgress, signal, stop } = options;
  const totalBytes = layers.reduce((sum, { size }) => sum + size, 0);
  let receivedBytes = 0;

  async function download(layer: Layer): Promise<void> {
    const { digest, size, mediaType, diffId } = layer;
    let reported = 0;
    const report = (received: number) => {
      receivedBytes += received - reported;
      reported = received;
      onProgress({ type: "progress", receivedBytes, totalBytes });
    };
    onProgress({ type: "layer", digest, state: "downloading" });
    await ingestLayer(paths, {
      source: source.layer(layer),
      digest,
      size,
      mediaType,
      diffId,
      onProgress: report,
      signal,
    });
    // Another process may have brought it meanwhile, without a byte of ours.
    if (reported !== size) report(size);
    onProgress({ type: "layer", digest, state: "done" });
  }

  await inParallel(layers, { limit: PARALLEL, signal, stop }, download);
}
