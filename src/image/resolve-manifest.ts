/** From a reference to the one manifest and configuration of a platform, through indexes, everything verified. */
import { TsrunError } from "../errors.ts";
import { readBlob } from "../store/blobs.ts";
import type { Paths } from "../store/paths.ts";
import { type ImageConfiguration, parseConfiguration } from "./config-document.ts";
import {
  choosePlatform,
  type Descriptor,
  DOCUMENT_LIMIT,
  type Index,
  type Manifest,
  parseManifest,
} from "./manifest.ts";
import { formatPlatform, hostPlatform, type Platform, rank } from "./platform.ts";
import { familiarName, type Reference } from "./reference.ts";
import type { ImageSource, ServedManifest } from "./source.ts";

export interface ResolvedImage {
  /** What the reference names: a manifest, or an index of several. */
  target: { digest: string; mediaType: string };
  manifest: Manifest;
  manifestDigest: string;
  configuration: ImageConfiguration;
  /** Bytes by digest of everything read on the way, to be kept. */
  documents: Map<string, Buffer>;
}

export interface ResolveOptions {
  paths: Paths;
  source: ImageSource;
  /** Only images of this platform; without it, what the host runs best. */
  platform: Platform | undefined;
  /** The name is in the store already: asking for its digest may save the manifest. */
  isKnown: boolean;
}

export interface ServedOptions extends Omit<ResolveOptions, "isKnown"> {
  /** What users call the image, for messages. */
  name: string;
  /** Chooses of an index's manifests; by default what runs best. */
  choose?: (index: Index) => Descriptor;
}

const NESTING_LIMIT = 4;

/** @throws TsrunError where the image does not exist, is not for the platform, or contradicts itself. */
export async function resolveManifest(ref: Reference, options: ResolveOptions): Promise<ResolvedImage> {
  return resolveServed(await topManifest(ref, options), { ...options, name: familiarName(ref) });
}

/** The same from what is at hand of it: a manifest or index, verified. */
export async function resolveServed(top: ServedManifest, options: ServedOptions): Promise<ResolvedImage> {
  const choose = options.choose ?? ((index) => choosePlatform(index, options.platform ?? hostPlatform()));
  const documents = new Map<string, Buffer>();
  let served = top;
  let document = parseManifest(served.bytes, served.mediaType);
  const target = { digest: served.digest, mediaType: document.mediaType };
  for (let depth = 0; document.kind === "index"; depth++) {
    if (depth === NESTING_LIMIT)
      throw contradiction(`its indexes are nested more than ${NESTING_LIMIT} deep`);
    documents.set(served.digest, served.bytes);
    const chosen = choose(document);
    const bytes = await child(chosen, options);
    served = { bytes, digest: chosen.digest, mediaType: chosen.mediaType };
    document = parseManifest(bytes, chosen.mediaType);
  }
  documents.set(served.digest, served.bytes);
  const configBytes = await config(document.config, options);
  documents.set(document.config.digest, configBytes);
  const configuration = parseConfiguration(configBytes);
  checkAgreement(document, configuration);
  checkPlatform(options.name, configuration.platform, options.platform);
  return { target, manifest: document, manifestDigest: served.digest, configuration, documents };
}

async function topManifest(
  ref: Reference,
  { paths, source, isKnown }: ResolveOptions,
): Promise<ServedManifest> {
  const name = ref.digest ?? (ref.tag as string);
  const digest = ref.digest ?? (isKnown ? await source.resolveTag(name) : undefined);
  const local = digest === undefined ? undefined : readBlob(paths, digest);
  if (digest !== undefined && local !== undefined) return { bytes: local, digest, mediaType: "" };
  return source.manifest(digest ?? name);
}

type Sources = Pick<ResolveOptions, "paths" | "source">;

async function child(descriptor: Descriptor, { paths, source }: Sources): Promise<Buffer> {
  checkSize(descriptor, "manifest");
  const bytes = readBlob(paths, descriptor.digest) ?? (await source.manifest(descriptor.digest)).bytes;
  if (bytes.length !== descriptor.size)
    throw contradiction(`manifest ${descriptor.digest} has not the announced size`);
  return bytes;
}

async function config(descriptor: Descriptor, { paths, source }: Sources): Promise<Buffer> {
  checkSize(descriptor, "configuration");
  return readBlob(paths, descriptor.digest) ?? source.document(descriptor, "image configuration");
}

function checkSize({ size }: Descriptor, what: string): void {
  if (size <= DOCUMENT_LIMIT) return;
  throw new TsrunError(
    "ERR_TSRUN_DOCUMENT_TOO_LARGE",
    `the image's ${what} is announced with ${size} bytes`,
    {
      hint: `at most ${DOCUMENT_LIMIT} are read; the registry is broken or hostile`,
    },
  );
}

function checkAgreement(manifest: Manifest, { diffIds }: ImageConfiguration): void {
  if (diffIds.length === manifest.layers.length) return;
  throw contradiction(
    `its manifest has ${manifest.layers.length} layers, its configuration ${diffIds.length}`,
  );
}

function checkPlatform(name: string, actual: Platform, wanted: Platform | undefined): void {
  if (actual.os !== "linux") {
    const message = `image operating system "${actual.os}" cannot be used on this platform`;
    throw new TsrunError("ERR_TSRUN_PLATFORM_NOT_FOUND", message, { hint: "tsrun runs Linux images" });
  }
  if (wanted === undefined || rank(wanted, actual) >= 0) return;
  const message =
    `image with reference ${name} was found but does not match the specified platform: ` +
    `wanted ${formatPlatform(wanted)}, actual: ${formatPlatform(actual)}`;
  throw new TsrunError("ERR_TSRUN_PLATFORM_NOT_FOUND", message, {
    hint: "leave --platform out, or use another image",
  });
}

function contradiction(what: string): TsrunError {
  return new TsrunError("ERR_TSRUN_MANIFEST_INVALID", `the image is not valid: ${what}`);
}
