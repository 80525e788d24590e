/**
 * The embedded default image: `tsrun/base`, built by rootfs-cache/build.mjs, needs no registry. It is read like any
 * other image from an OCI layout (image-spec image-layout.md), and stands in for no other name.
 */
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { TsrunError } from "../errors.ts";
import { hexOf } from "../store/digest.ts";
import { verifyDigest } from "./digest.ts";
import { parseManifest } from "./manifest.ts";
import { canonicalName, type Reference } from "./reference.ts";
import type { ImageSource } from "./source.ts";

export const EMBEDDED_NAME = "docker.io/tsrun/base:latest";

export const isEmbedded = (ref: Reference): boolean => canonicalName(ref) === EMBEDDED_NAME;

/**
 * The embedded image as a source; its one tag is "latest".
 *
 * @throws TsrunError ERR_TSRUN_BASE_IMAGE_MISSING where it was not built
 */
export function embeddedLayout(directory: string = layoutDirectory()): ImageSource {
  const read = (digest: string, what: string) => {
    const bytes = readFileSync(join(directory, "blobs", "sha256", hexOf(digest)));
    verifyDigest(what, bytes, digest);
    return bytes;
  };
  return {
    async manifest() {
      const index = parseManifest(readFileSync(join(directory, "index.json")), "");
      const [entry] = index.kind === "index" ? index.manifests : [];
      if (entry === undefined) throw missing();
      return { bytes: read(entry.digest, "the manifest"), mediaType: entry.mediaType, digest: entry.digest };
    },
    resolveTag: async () => undefined,
    document: async (descriptor, what) => read(descriptor.digest, `the ${what}`),
    layer: (descriptor) => createReadStream(join(directory, "blobs", "sha256", hexOf(descriptor.digest))),
    [Symbol.dispose]() {},
  };
}

/** rootfs-cache/build beside src/ (or dist/). */
function layoutDirectory(): string {
  let up = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const directory = join(up, "rootfs-cache", "build");
    if (existsSync(join(directory, "index.json"))) return directory;
    const parent = dirname(up);
    if (parent === up) throw missing();
    up = parent;
  }
}

function missing(): TsrunError {
  return new TsrunError("ERR_TSRUN_BASE_IMAGE_MISSING", "the embedded image tsrun/base has not been built", {
    hint: "run scripts/setup, or scripts/build-base-image",
  });
}
