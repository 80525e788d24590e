/** Brings the blobs of one image after the other into a repository: what is there already, mounted, or uploaded. */
import { inParallel } from "./in-parallel.ts";
import type { OnPushProgress, PushedLayerState } from "./push-event.ts";
import { isDistributable, type PlannedBlob } from "./push-plan.ts";
import type { ImageTarget } from "./registry-push.ts";

export interface LayerPusher {
  /**
   * Ends when the repository has all blobs, or throws the first failure once none is being worked on any more.
   * Returns the digests of those that neither side has.
   */
  push(blobs: readonly PlannedBlob[]): Promise<ReadonlySet<string>>;
}

export interface LayerPusherOptions {
  target: ImageTarget;
  /** Repositories of the same registry, by their paths, that have had a blob. */
  lenders(digest: string): string[];
  onProgress: OnPushProgress;
  /** Aborts everything; `stop` is called with the first failure, so that other uploads end too. */
  signal: AbortSignal;
  stop(reason: unknown): void;
}

/** As Docker's max-concurrent-uploads. */
const PARALLEL = 5;

export function createLayerPusher(options: LayerPusherOptions): LayerPusher {
  const { target, lenders, onProgress, signal, stop } = options;
  /** By digest; several tags of a repository share their layers. */
  const settled = new Set<string>();
  const parallel = { limit: PARALLEL, signal, stop };
  let sentBytes = 0;
  let totalBytes = 0;

  const tell = (blob: PlannedBlob, state: PushedLayerState, from?: string) => {
    const layer = layerId(blob);
    if (layer !== undefined)
      onProgress({ type: "layer", id: layer, state, ...(from === undefined ? {} : { from }) });
  };

  /** Whether it has to be uploaded. */
  async function look(blob: PlannedBlob, missing: Set<string>): Promise<boolean> {
    const { digest, mediaType } = blob;
    tell(blob, "preparing");
    if (settled.has(digest) || (await target.hasBlob(digest))) tell(blob, "exists");
    else if (!isDistributable(mediaType)) tell(blob, "skipped");
    else {
      const lender = await target.mount(digest, lenders(digest));
      if (lender === undefined && blob.path === undefined) missing.add(digest);
      if (lender === undefined) return blob.path !== undefined;
      tell(blob, "mounted", lender);
    }
    settled.add(digest);
    return false;
  }

  async function upload({ path, ...blob }: PlannedBlob): Promise<void> {
    if (path === undefined) return;
    let reported = 0;
    tell({ ...blob, path }, "pushing");
    await target.upload({ digest: blob.digest, size: blob.size, path }, (sent) => {
      sentBytes += sent - reported;
      reported = sent;
      onProgress({ type: "progress", sentBytes, totalBytes });
    });
    sentBytes += blob.size - reported;
    settled.add(blob.digest);
    tell({ ...blob, path }, "pushed");
  }

  return {
    async push(blobs) {
      const missing = new Set<string>();
      const uploads: PlannedBlob[] = [];
      // An image may have the same layer twice. Topmost first, as Docker lists them.
      const distinct = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()].reverse();
      await inParallel(distinct, parallel, async (blob) => {
        if (await look(blob, missing)) uploads.push(blob);
      });
      if (missing.size > 0) return missing;
      totalBytes += uploads.reduce((sum, { size }) => sum + size, 0);
      await inParallel(uploads, parallel, upload);
      return missing;
    },
  };
}

/** Twelve digits of the diff id, or of the digest where that is not known; undefined for a configuration. */
function layerId({ diffId, digest, mediaType }: PlannedBlob): string | undefined {
  if (diffId === undefined && /config|container\.image/.test(mediaType)) return undefined;
  return (diffId ?? digest).slice(7, 19);
}
