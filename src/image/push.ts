/** `push`: from the store to a registry. Layers first, then manifests; the tag comes last, when all is there. */
import { hasBlob, putBlob } from "../store/blobs.ts";
import { addNames, holdStore, type ImageRecord, imageNamed } from "../store/images.ts";
import { originsOf, recordOrigins } from "../store/origins.ts";
import type { Paths } from "../store/paths.ts";
import type { ImageContext } from "./acquire.ts";
import type { Platform } from "./platform.ts";
import type { OnPushProgress } from "./push-event.ts";
import { createLayerPusher, type LayerPusher } from "./push-layers.ts";
import { damaged, isDistributable, type PushPlan, planPush } from "./push-plan.ts";
import { withStoredLayers } from "./push-substitute.ts";
import { canonicalName, familiarName, type Reference, repositoryOf, withDigest } from "./reference.ts";
import { type ImageTarget, openPushRegistry } from "./registry-push.ts";
import type { RetryPolicy } from "./retry.ts";

/** A name by tag, and the image that it stands for. */
export interface TaggedImage {
  ref: Reference;
  record: ImageRecord;
}

export interface PushImagesOptions {
  platform?: Platform | undefined;
  onProgress?: OnPushProgress | undefined;
  signal?: AbortSignal | undefined;
  policy?: RetryPolicy;
  /** Bytes of a chunk of an upload. */
  chunk?: number;
  /** Called for each tag that the registry has. */
  onPushed?: (image: PushedImage) => void;
}

export interface PushedImage {
  /** Familiar: "localhost:5000/app:1". */
  reference: string;
  /** Of the manifest or index that the tag names in the registry. */
  digest: string;
  /** Bytes of that document, as Docker reports them. */
  size: number;
}

/**
 * Pushes tags of one repository, one after the other, and remembers the names by digest that they have there.
 *
 * @throws TsrunError, see docs/errors.md; the signal's reason where that was aborted
 */
export async function pushImages(
  { paths, config }: ImageContext,
  images: readonly TaggedImage[],
  options: PushImagesOptions = {},
): Promise<PushedImage[]> {
  const { onProgress = () => {}, policy, chunk, onPushed } = options;
  const [first] = images;
  if (first === undefined) return [];
  const stopped = new AbortController();
  const signal =
    options.signal === undefined ? stopped.signal : AbortSignal.any([options.signal, stopped.signal]);
  signal.throwIfAborted();
  // What is being pushed is not collected meanwhile, whoever removes the image.
  using _held = await holdStore(paths, { signal });
  using target = await openPushRegistry(first.ref, {
    config,
    signal,
    onRetry: (retry) => onProgress({ type: "retry", ...retry }),
    ...(policy === undefined ? {} : { policy }),
    ...(chunk === undefined ? {} : { chunk }),
  });
  await target.greet();
  const layers = createLayerPusher({
    target,
    lenders: lendersFor(paths, first.ref),
    onProgress,
    signal,
    stop: (reason) => stopped.abort(reason),
  });
  const pushed: PushedImage[] = [];
  for (const image of images) {
    const { platform } = options;
    const result = await pushTag(image, { paths, target, layers, platform, onProgress });
    onPushed?.(result);
    pushed.push(result);
  }
  return pushed;
}

interface Push {
  paths: Paths;
  target: ImageTarget;
  layers: LayerPusher;
  platform: Platform | undefined;
  onProgress: OnPushProgress;
}

async function pushTag({ ref, record }: TaggedImage, push: Push): Promise<PushedImage> {
  const { paths, target, platform, onProgress } = push;
  const name = familiarName(ref);
  const isThere = (digest: string) => target.hasManifest(digest);
  const plan = await pushLayers(await planPush(paths, record, { name, platform, isThere }), name, push);
  const last = plan.manifests.at(-1) as PushPlan["manifests"][number];
  for (const manifest of plan.manifests)
    await target.manifest(manifest === last ? (ref.tag as string) : manifest.digest, manifest);

  const blobs = plan.manifests.flatMap((manifest) => manifest.blobs);
  const sent = blobs.filter(({ mediaType }) => isDistributable(mediaType)).map(({ digest }) => digest);
  await recordOrigins(paths, repositoryOf(ref), sent);
  for (const { digest, bytes } of plan.manifests) if (!hasBlob(paths, digest)) putBlob(paths, digest, bytes);
  // A name that was taken away meanwhile is not to keep its image by another one.
  if (imageNamed(paths, canonicalName(ref))?.config === record.config)
    await addNames(paths, [canonicalName(withDigest(ref, last.digest))], plan.record);

  const original = plan.insteadOf;
  if (original !== undefined)
    onProgress({ type: "substitute", reason: "platform", original, pushed: last.digest });
  const size = last.bytes.length;
  onProgress({ type: "done", reference: name, tag: ref.tag as string, digest: last.digest, size });
  return { reference: name, digest: last.digest, size };
}

/** Returns the plan that was carried out: another one where the store has layers in another compression. */
async function pushLayers(
  plan: PushPlan,
  name: string,
  { paths, layers, onProgress }: Push,
): Promise<PushPlan> {
  const missing = await layers.push(plan.manifests.flatMap((manifest) => manifest.blobs));
  const [original] = plan.manifests;
  if (missing.size === 0 || original === undefined) return plan;
  const manifest = plan.manifests.length === 1 ? withStoredLayers(paths, original, missing) : undefined;
  const [lost] = missing;
  if (manifest === undefined) throw damaged(name, `the blob ${lost}`);
  const left = await layers.push(manifest.blobs);
  if (left.size > 0) throw damaged(name, `the blob ${[...left][0]}`);
  const { digest, mediaType } = manifest;
  onProgress({ type: "substitute", reason: "compression", original: original.digest, pushed: digest });
  const record = { ...plan.record, target: { digest, mediaType }, manifest: digest };
  return { ...plan, manifests: [manifest], record };
}

/** The paths of other repositories of the registry that have had a blob. */
function lendersFor(paths: Paths, ref: Reference): (digest: string) => string[] {
  const origins = originsOf(paths);
  const own = repositoryOf(ref);
  const prefix = `${ref.domain}/`;
  return (digest) =>
    origins(digest)
      .filter((repository) => repository.startsWith(prefix) && repository !== own)
      .map((repository) => repository.slice(prefix.length));
}
