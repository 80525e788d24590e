/** Single parts of an image again from where it came, for a store that has lost or damaged them. */
import type { Config } from "../config.ts";
import { embeddedLayout, isEmbedded } from "./embedded.ts";
import type { Descriptor } from "./manifest.ts";
import { DOCUMENT_LIMIT } from "./manifest.ts";
import { parseReference } from "./reference.ts";
import { DEFAULT_POLICY } from "./retry.ts";
import type { ImageSource } from "./source.ts";

/** What is to be brought again; a layer's bytes are not verified here, documents are. */
export type LostPart =
  | { role: "manifest" | "configuration"; digest: string }
  | { role: "layer"; descriptor: Descriptor };

/**
 * Hands `take` the bytes of the part from the registry that a canonical name tells. Throws what a pull of that name
 * throws.
 */
export async function refetch(
  name: string,
  part: LostPart,
  {
    config,
    signal,
    take,
  }: {
    config: Config;
    signal: AbortSignal | undefined;
    take: (bytes: AsyncIterable<Uint8Array>) => Promise<void>;
  },
): Promise<void> {
  using source = await openSource(name, config, signal);
  await take(bytesOf(source, part));
}

async function openSource(
  name: string,
  config: Config,
  signal: AbortSignal | undefined,
): Promise<ImageSource> {
  const ref = parseReference(name);
  if (isEmbedded({ ...ref, tag: ref.tag ?? "latest", digest: undefined })) return embeddedLayout();
  const { openRegistry } = await import("./registry.ts");
  // A name without a digest was perhaps chosen here, and no registry knows it: that is not worth much patience.
  const policy = ref.digest === undefined ? { ...DEFAULT_POLICY, attempts: 1 } : DEFAULT_POLICY;
  return openRegistry(ref, { config, signal, policy });
}

async function* bytesOf(source: ImageSource, part: LostPart): AsyncGenerator<Uint8Array> {
  if (part.role === "layer") {
    yield* source.layer(part.descriptor);
  } else if (part.role === "manifest") {
    yield (await source.manifest(part.digest)).bytes;
  } else {
    const descriptor = { mediaType: "", digest: part.digest, size: DOCUMENT_LIMIT };
    yield await source.document(descriptor, "image configuration");
  }
}
