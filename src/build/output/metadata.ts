/** --metadata-file: what came out of a build, for programs, by buildx's names. */
import type { BuildResult } from "../types.ts";

/** The document's text. What the build did not make is not in it. */
export function buildMetadata({ imageId, digest, mediaType, size, names }: BuildResult): string {
  const document = {
    ...(imageId !== undefined && { "containerimage.config.digest": imageId }),
    ...(digest !== undefined && {
      "containerimage.descriptor": { mediaType, digest, size },
      "containerimage.digest": digest,
    }),
    ...(names.length > 0 && { "image.name": names.join(",") }),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
