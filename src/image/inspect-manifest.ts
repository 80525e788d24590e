/** What a registry has under a name, as it is there: a manifest of any kind, or an index with all its members. */
import type { Config } from "../config.ts";
import { parseConfiguration } from "./config-document.ts";
import { isDigest } from "./digest.ts";
import { type Descriptor, DOCUMENT_LIMIT, parseObject, refuseSchemaOne } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import { canonicalName, parseReference, type Reference, withDigest } from "./reference.ts";
import { openRegistry } from "./registry.ts";
import type { RetryPolicy } from "./retry.ts";
import type { ImageSource, ServedManifest } from "./source.ts";

export interface InspectManifestOptions {
  /** The registry may be spoken to over plain HTTP or with an unverified certificate. */
  insecure?: boolean;
  /** Looks at the members of an index too, and at the platform of an image. */
  verbose?: boolean;
  signal?: AbortSignal;
  policy?: RetryPolicy;
}

export interface InspectedManifest {
  /** "docker.io/library/alpine:latest", of a member "docker.io/library/alpine:latest@sha256:…". */
  reference: string;
  mediaType: string;
  digest: string;
  size: number;
  platform?: Platform;
  /** As the registry serves it. */
  bytes: Buffer;
  /** Of an index, with `verbose`. */
  members: InspectedManifest[];
}

/** @throws TsrunError ERR_TSRUN_MANIFEST_NOT_FOUND, ERR_TSRUN_MANIFEST_UNSUPPORTED, _INVALID and those of a pull */
export async function inspectManifest(
  config: Config,
  reference: string,
  { insecure = false, verbose = false, signal, policy }: InspectManifestOptions = {},
): Promise<InspectedManifest> {
  const ref = parseReference(reference);
  const registries = [...config["insecure-registries"], ...(insecure ? [ref.domain] : [])];
  using source = await openRegistry(ref, {
    config: { ...config, "insecure-registries": registries },
    signal,
    ...(policy !== undefined && { policy }),
  });
  const served = await source.manifest(ref.digest ?? (ref.tag as string));
  const top = describe(served, canonicalName(ref));
  return verbose ? await withDetails(top, ref, source) : top.manifest;
}

interface Described {
  manifest: InspectedManifest;
  document: Record<string, unknown>;
}

function describe({ bytes, mediaType, digest }: ServedManifest, reference: string): Described {
  const document = parseObject(bytes, "manifest");
  const served = mediaType.split(";", 1)[0]?.trim() ?? "";
  refuseSchemaOne(document, served);
  const type = typeof document.mediaType === "string" ? document.mediaType : served;
  return {
    manifest: { reference, mediaType: type, digest, size: bytes.length, bytes, members: [] },
    document,
  };
}

async function withDetails(
  { manifest, document }: Described,
  ref: Reference,
  source: ImageSource,
): Promise<InspectedManifest> {
  if (!Array.isArray(document.manifests)) {
    const platform = await platformOf(document, source);
    return { ...manifest, ...(platform && { platform }) };
  }
  const nameOf = (digest: string) =>
    ref.digest === undefined ? `${canonicalName(ref)}@${digest}` : canonicalName(withDigest(ref, digest));
  const members = [];
  for (const entry of document.manifests.filter(isDescriptor)) {
    const { manifest: member } = describe(await source.manifest(entry.digest), nameOf(entry.digest));
    members.push({ ...member, ...(entry.platform && { platform: entry.platform }) });
  }
  return { ...manifest, members };
}

/** An image's platform is in its configuration; of other things that have a manifest there is none. */
async function platformOf(
  { config }: Record<string, unknown>,
  source: ImageSource,
): Promise<Platform | undefined> {
  if (!isDescriptor(config) || !/\.image\.|container\.image/.test(config.mediaType)) return undefined;
  return parseConfiguration(await source.document(config, "image configuration")).platform;
}

const isDescriptor = (value: unknown): value is Descriptor => {
  const { digest, mediaType, size } = (value ?? {}) as Partial<Descriptor>;
  return isDigest(digest) && typeof mediaType === "string" && Number(size) <= DOCUMENT_LIMIT;
};
