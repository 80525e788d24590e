import type { ImagesApi } from "../api.ts";
import type { EngineContext } from "../context.ts";

/** The verbs of images. */
export const imagesOf = (context: EngineContext): ImagesApi => ({
  async pull(reference, options = {}) {
    const { pullImage } = await import("../images.ts");
    return pullImage(context, reference, options);
  },

  async push(reference, options = {}) {
    const { pushImage } = await import("../push-image.ts");
    return pushImage(context, reference, options);
  },

  async tag(source, target) {
    const { tagImage } = await import("../tag-image.ts");
    return tagImage(context, source, target);
  },

  async list(reference) {
    const { listImages } = await import("../images.ts");
    return listImages(context.paths, reference);
  },

  async inspect(reference) {
    const { inspectImage } = await import("../images.ts");
    return inspectImage(context.paths, reference);
  },

  async history(image) {
    const { imageHistory } = await import("../history.ts");
    return imageHistory(context.paths, image);
  },

  async remove(reference, options = {}) {
    const { removeImage } = await import("../remove-image.ts");
    const { imageUsers } = await import("../image-users.ts");
    return removeImage(context.paths, reference, { ...options, users: () => imageUsers(context.paths) });
  },

  async prune(options = {}) {
    const { pruneImages } = await import("../prune-images.ts");
    return pruneImages(context, options);
  },

  async save(images, options = {}) {
    const { saveImages } = await import("../save.ts");
    return saveImages(context, images, options);
  },

  async load(source, options = {}) {
    const { loadImages } = await import("../load.ts");
    return loadImages(context, source, options);
  },

  async import(source, options = {}) {
    const { importImage } = await import("../import-image.ts");
    return importImage(context, source, options);
  },
});
