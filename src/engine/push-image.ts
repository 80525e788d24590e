/** `push`: which of the images here a name means, and what the journal says of it. */
import { TsrunError } from "../errors.ts";
import type { ImageContext } from "../image/acquire.ts";
import { parsePlatform } from "../image/platform.ts";
import { type PushedImage, pushImages, type TaggedImage } from "../image/push.ts";
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
  repositoryOf,
} from "../image/reference.ts";
import { imageNamed, readImages } from "../store/images.ts";
import type { Paths } from "../store/paths.ts";
import type { PushOptions } from "./api.ts";
import { recordEvent } from "./events.ts";

/** @throws TsrunError ERR_TSRUN_REFERENCE_INVALID, ERR_TSRUN_IMAGE_NOT_FOUND, and what a push can meet */
export async function pushImage(
  context: ImageContext,
  reference: string,
  { allTags = false, platform, onProgress, signal }: PushOptions = {},
): Promise<PushedImage[]> {
  const ref = parseReference(reference);
  if (ref.digest !== undefined) {
    throw new TsrunError("ERR_TSRUN_REFERENCE_INVALID", "cannot push a digest reference", {
      hint: `give the image a name with a tag: tsrun tag ${familiarName(ref)} ${familiarRepository(ref)}:TAG`,
    });
  }
  const wanted = platform === undefined ? undefined : parsePlatform(platform);
  onProgress?.({ type: "start", repository: repositoryOf(ref) });
  const images = allTags ? tagsOf(context.paths, ref) : tagged(context.paths, ref);
  return pushImages(context, images, {
    platform: wanted,
    onProgress,
    signal,
    onPushed({ reference: id }) {
      const attributes = { name: familiarRepository(ref) };
      recordEvent(context, { type: "image", action: "push", id, attributes });
    },
  });
}

function tagged(paths: Paths, ref: Reference): TaggedImage[] {
  const record = imageNamed(paths, canonicalName(ref));
  if (record === undefined) throw notFound(`with the tag: ${familiarName(ref)}`);
  return [{ ref, record }];
}

/** In the order of their names. */
function tagsOf(paths: Paths, ref: Reference): TaggedImage[] {
  const images = Object.entries(readImages(paths).names)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, record]) => ({ ref: parseReference(name), record }))
    .filter((image) => image.ref.digest === undefined && repositoryOf(image.ref) === repositoryOf(ref));
  if (images.length === 0) throw notFound(`in the repository: ${familiarRepository(ref)}`);
  return images;
}

function notFound(where: string): TsrunError {
  return new TsrunError("ERR_TSRUN_IMAGE_NOT_FOUND", `An image does not exist locally ${where}`, {
    hint: "`tsrun images` lists what is here, `tsrun tag` gives an image the name to push it by",
  });
}
