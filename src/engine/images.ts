/** What users do with images: pull, list, inspect. Finding one is in resolve-image.ts, removing in remove-image.ts. */
import { TsrunError } from "../errors.ts";
import type { ImageContext } from "../image/acquire.ts";
import { EMBEDDED_NAME } from "../image/embedded.ts";
import { formatPlatform, parsePlatform, rank } from "../image/platform.ts";
import { canonicalName, familiarName, familiarRepository, parseReference } from "../image/reference.ts";
import { holdStore, type ImageIndex, readImages } from "../store/images.ts";
import { hasLayer, layerInfo } from "../store/layers.ts";
import type { Paths } from "../store/paths.ts";
import type { ImageDetails, ImageSummary, PullOptions } from "./api.ts";
import { recordEvent } from "./events.ts";
import {
  describeImage,
  type FoundImage,
  namesOf,
  type ResolvedImage,
  resolveImage,
  resolveImageAgain,
} from "./resolve-image.ts";

export type { ImageContext } from "../image/acquire.ts";
export { type ResolvedImage, resolveImage } from "./resolve-image.ts";

/** Pulls by tag or digest; resolves once every layer is verified, on disk and visible. */
export async function pullImage(
  context: ImageContext,
  reference: string,
  options: PullOptions = {},
): Promise<ImageSummary> {
  const { pull } = await import("../image/pull.ts");
  // Longer than the pull itself does, so that no removal comes before the image has been described.
  using _held = await holdStore(context.paths, options.signal ? { signal: options.signal } : {});
  const { imageId } = await pull(context, reference, options);
  const ref = parseReference(reference);
  const id = familiarName(ref);
  recordEvent(context, { type: "image", action: "pull", id, attributes: { name: familiarRepository(ref) } });
  return summaryOf(context.paths, resolveImage(context.paths, imageId));
}

export interface ProvideOptions extends PullOptions {
  /** When to ask the registry; "missing" by default. */
  pull?: "missing" | "always" | "never";
}

/**
 * The image to make a container of: the one in the store, or else pulled. An image for another platform than the one
 * asked for counts as missing, as it does for Docker.
 */
export async function provideImage(
  context: ImageContext,
  text: string,
  options: ProvideOptions = {},
): Promise<ResolvedImage> {
  const { pull: policy = "missing", ...pullOptions } = options;
  if (policy !== "always") {
    const present = presentImage(context.paths, text, options.platform);
    if (present !== undefined) return present;
    if (policy === "never" && !isEmbeddedName(text))
      return resolveForPlatform(context.paths, text, options.platform);
    if (policy === "missing")
      options.onProgress?.({ type: "missing", reference: familiarName(parseReference(text)) });
  }
  await pullImage(context, text, pullOptions);
  return resolveForPlatform(context.paths, text, options.platform);
}

/** All images, newest first; `pattern` limits them to names or repositories, with "*" and "?" as in a shell. */
export function listImages(paths: Paths, pattern?: string): ImageSummary[] {
  const index = readImages(paths);
  const all = Object.entries(index.known).map(([id, record]) => {
    return summaryUnlessDamaged(paths, index, { id, record, name: undefined });
  });
  const listed = pattern === undefined ? all : all.flatMap((image) => narrow(image, pattern));
  return listed.sort((a, b) => Date.parse(b.created || "0") - Date.parse(a.created || "0"));
}

/** An image whose configuration is lost is listed all the same: it is to be seen what there is to repair or remove. */
function summaryUnlessDamaged(paths: Paths, index: ImageIndex, image: FoundImage): ImageSummary {
  try {
    return summaryOf(paths, describeImage(paths, index, image));
  } catch (error) {
    if (!(error instanceof TsrunError) || !DAMAGED.has(error.code)) throw error;
    return { id: image.id, ...namesOf(index, image.id), created: "", size: 0 };
  }
}

/** What a configuration was verified not to be when it came in. */
const DAMAGED = new Set([
  "ERR_TSRUN_IMAGE_DAMAGED",
  "ERR_TSRUN_IMAGE_CONFIG_INVALID",
  "ERR_TSRUN_MANIFEST_INVALID",
]);

export function inspectImage(paths: Paths, text: string): ImageDetails {
  const image = resolveImage(paths, text);
  const { platform, author, comment, dockerVersion, config, diffIds } = image;
  return {
    ...summaryOf(paths, image),
    architecture: platform.architecture,
    os: platform.os,
    variant: platform.variant,
    author,
    comment,
    dockerVersion,
    config,
    layers: diffIds,
  };
}

function summaryOf(paths: Paths, { id, names, digests, created, diffIds }: ResolvedImage): ImageSummary {
  const sizes = [...new Set(diffIds)].map((diffId) => layerInfo(paths, diffId)?.size ?? 0);
  return { id, names, digests, created, size: sizes.reduce((sum, size) => sum + size, 0) };
}

/** An image with those of its names that match, or none. */
function narrow(image: ImageSummary, pattern: string): ImageSummary[] {
  const familiar = pattern.replace(/^(index\.)?docker\.io\/(library\/)?/, "");
  const glob = familiar
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, "[^/]*")
    .replace(/\?/g, "[^/]");
  const matcher = new RegExp(`^${glob}$`);
  const repository = (name: string) => name.replace(/@.*$|:[^/:]*$/, "");
  const matches = (name: string) => matcher.test(name) || matcher.test(repository(name));
  const [names, digests] = [image.names.filter(matches), image.digests.filter(matches)];
  return names.length + digests.length === 0 ? [] : [{ ...image, names, digests }];
}

function presentImage(paths: Paths, text: string, platform: string | undefined): ResolvedImage | undefined {
  try {
    return resolveForPlatform(paths, text, platform);
  } catch (error) {
    if (error instanceof TsrunError && MISSING.has(error.code)) return undefined;
    throw error;
  }
}

const MISSING = new Set([
  "ERR_TSRUN_IMAGE_NOT_FOUND",
  "ERR_TSRUN_IMAGE_DAMAGED",
  "ERR_TSRUN_PLATFORM_NOT_FOUND",
]);

/** The image in the store by name or id; ERR_TSRUN_PLATFORM_NOT_FOUND where it is for another platform than asked for. */
export function resolveForPlatform(paths: Paths, text: string, platform: string | undefined): ResolvedImage {
  const image = resolveImageAgain(paths, text);
  const lost = image.diffIds.find((diffId) => !hasLayer(paths, diffId));
  if (lost !== undefined) {
    throw new TsrunError("ERR_TSRUN_IMAGE_DAMAGED", `layer ${lost} of image ${text} is missing on disk`, {
      hint: "pull the image again",
    });
  }
  if (platform === undefined || rank(parsePlatform(platform), image.platform) >= 0) return image;
  const actual = formatPlatform(image.platform);
  const message = `image with reference ${text} was found but its platform (${actual}) does not match the specified platform (${platform})`;
  throw new TsrunError("ERR_TSRUN_PLATFORM_NOT_FOUND", message, { hint: "pull it for that platform" });
}

const isEmbeddedName = (text: string): boolean => canonicalName(parseReference(text)) === EMBEDDED_NAME;
