/** `pull`: from a registry into the store. */
import { type AcquiredImage, acquireImage, type ImageContext } from "./acquire.ts";
import { embeddedLayout, isEmbedded } from "./embedded.ts";
import { parsePlatform } from "./platform.ts";
import type { OnProgress } from "./pull-event.ts";
import { parseReference } from "./reference.ts";
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
  return acquireImage(ref, { paths: context.paths, open, platform, onProgress, signal });
}
