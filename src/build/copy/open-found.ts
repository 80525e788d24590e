import { constants, openSync } from "node:fs";
import type { RawPath } from "../../kernel/files.ts";

/** Opens a file that was found, to be read; one that was exchanged for a link meanwhile is not followed. */
export function openFound(file: RawPath): number {
  // A descriptor's own path is a link, which leads to that very file.
  const isDescriptor = typeof file === "string" && /^\/proc\/self\/fd\/\d+$/.test(file);
  return openSync(
    file,
    constants.O_RDONLY | constants.O_NONBLOCK | (isDescriptor ? 0 : constants.O_NOFOLLOW),
  );
}
