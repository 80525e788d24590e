/** `tag`: another name for an image. */

import { TsrunError } from "../errors.ts";
import type { ImageContext } from "../image/acquire.ts";
import { canonicalName, familiarName, parseReference } from "../image/reference.ts";
import { addNames, holdStore, readImages } from "../store/images.ts";
import { recordEvent } from "./events.ts";
import { findImage } from "./resolve-image.ts";

/** @throws TsrunError ERR_TSRUN_IMAGE_NOT_FOUND, ERR_TSRUN_IMAGE_AMBIGUOUS, ERR_TSRUN_REFERENCE_INVALID */
export async function tagImage(context: ImageContext, source: string, target: string): Promise<void> {
  const { paths } = context;
  const name = parseReference(target);
  if (name.digest !== undefined) {
    throw new TsrunError("ERR_TSRUN_REFERENCE_INVALID", "refusing to create a tag with a digest reference", {
      hint: "give a name and a tag: digests are not chosen",
    });
  }
  // Whoever removes the image meanwhile does not get to its content before it has this name.
  using _held = await holdStore(paths);
  const { id, record } = findImage(readImages(paths), source);
  await addNames(paths, [canonicalName(name)], record);
  recordEvent(context, { type: "image", action: "tag", id, attributes: { name: familiarName(name) } });
}
