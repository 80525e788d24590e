/** `pull`: from a registry into the store. */
import { readBlobUnverified } from "../store/blobs.ts";
import { imageNamed } from "../store/images.ts";
import { recordOrigins } from "../store/origins.ts";
import type { Paths } from "../store/paths.ts";
import { startThreads } from "../store/worker-pool.ts";
import { type AcquiredImage, acquireImage, type ImageContext } from "./acquire.ts";
import { embeddedLayout, isEmbedded } from "./embedded.ts";
import { parseManifest } from "./manifest.ts";
import { parsePlatform } from "./platform.ts";
import type { OnProgress } from "./pull-event.ts";
import { canonicalName, parseReference, type Reference, repositoryOf } from "./reference.ts";
import type { RetryPolicy } from "./retry.ts";

export interface PullImageOptions {
  /** os/arch[/variant]; without it, what the host runs best. */
  platform?: string | undefined;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
  policy?: RetryPolicy;
}

/**
 * Pulls an image by tag or digest. The embedded image, by exactly its own name, comes from its layout on disk instead.
 *
 * @throws TsrunError, see docs/errors.md; the signal's reason where that was aborted
 */
export async function pull(
  context: ImageContext,
  reference: string,
  options: PullImageOptions = {},
): Promise<AcquiredImage> {
  const { onProgress, signal, policy } = options;
  const ref = parseReference(reference);
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const onRetry = (retry: { what: string; reason: string; delayMs: number }) =>
    onProgress?.({ type: "retry", ...retry });
  const open = async (pullSignal: AbortSignal) => {
    if (isEmbedded(ref)) return embeddedLayout();
    const { openRegistry } = await import("./registry.ts");
    return openRegistry(ref, {
      config: context.config,
      onRetry,
      signal: pullSignal,
      ...(policy === undefined ? {} : { policy }),
    });
  };
  const { paths } = context;
  // For an image that is here there would most likely be nothing to unpack.
  const isNew = !isEmbedded(ref) && imageNamed(paths, canonicalName(ref)) === undefined;
  using _threads = isNew ? await startThreads() : undefined;
  const image = await acquireImage(ref, { paths, open, platform, onProgress, signal });
  if (!image.upToDate && !isEmbedded(ref)) await rememberOrigin(paths, ref);
  return image;
}

/** That the repository has the image's layers: a push to the registry can have them mounted from there. */
async function rememberOrigin(paths: Paths, ref: Reference): Promise<void> {
  const record = imageNamed(paths, canonicalName(ref));
  const bytes = record && readBlobUnverified(paths, record.manifest);
  const manifest = bytes && parseManifest(bytes, "");
  if (manifest?.kind !== "manifest") return;
  await recordOrigins(
    paths,
    repositoryOf(ref),
    manifest.layers.map(({ digest }) => digest),
  );
}
