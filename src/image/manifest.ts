/**
 * Manifests and indexes: OCI (image-spec manifest.md, image-index.md) and Docker's schema 2. Everything read here came
 * from a registry and is hostile until checked.
 */
import { TsrunError } from "../errors.ts";
import { isDigest } from "./digest.ts";
import { formatPlatform, normalize, type Platform, rank } from "./platform.ts";

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: Platform;
  /** Where else the content may be had: http and https only. */
  urls?: string[];
}

export interface Manifest {
  kind: "manifest";
  mediaType: string;
  config: Descriptor;
  /** Lowest first. */
  layers: Descriptor[];
}

export interface Index {
  kind: "index";
  mediaType: string;
  manifests: Descriptor[];
}

/** What registries are asked to keep below, and the most that is read of a manifest or a configuration. */
export const DOCUMENT_LIMIT = 4 * 1024 * 1024;

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

/** The Accept header of a manifest request. */
export const MANIFEST_TYPES = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST];

const CONFIG_TYPES = new Set([
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
]);
const LAYER_TYPE =
  /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?)$/;

/**
 * Reads a manifest or an index.
 *
 * @param mediaType the Content-Type it was served with; its own `mediaType`, where it has one, must agree
 * @throws TsrunError ERR_TSRUN_MANIFEST_INVALID, ERR_TSRUN_MANIFEST_UNSUPPORTED
 */
export function parseManifest(bytes: Uint8Array, mediaType: string): Manifest | Index {
  const doc = parseObject(bytes, "manifest");
  const served = mediaType.split(";", 1)[0]?.trim() ?? "";
  refuseSchemaOne(doc, served);
  if (doc.schemaVersion !== 2) throw invalid("manifest has no schemaVersion 2");
  // One document must not be readable as both kinds: two readers would then see two images by one digest
  // (CVE-2021-41190).
  if ("manifests" in doc && ("layers" in doc || "config" in doc))
    throw invalid("manifest is an index and an image at once");
  const type = typeof doc.mediaType === "string" ? doc.mediaType : kindOf(served, doc);
  if (MANIFEST_TYPES.includes(served) && served !== type) {
    throw invalid(`manifest says it is ${type}, but was served as ${served}`);
  }
  if (type === OCI_INDEX || type === DOCKER_LIST) {
    return { kind: "index", mediaType: type, manifests: descriptors(doc.manifests, "manifests") };
  }
  if (type !== OCI_MANIFEST && type !== DOCKER_MANIFEST)
    throw unsupported(`unsupported manifest type ${type}`);
  return imageManifest(doc, type);
}

/**
 * Chooses what a host of `wanted` runs best out of an index; entries without a platform are the last resort.
 *
 * @throws TsrunError ERR_TSRUN_PLATFORM_NOT_FOUND in Docker's words.
 */
export function choosePlatform(index: Index, wanted: Platform): Descriptor {
  let best: Descriptor | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const entry of index.manifests) {
    const rankOfEntry = entry.platform === undefined ? Number.MAX_SAFE_INTEGER : rank(wanted, entry.platform);
    if (rankOfEntry < 0 || rankOfEntry >= bestRank) continue;
    best = entry;
    bestRank = rankOfEntry;
  }
  if (best !== undefined) return best;
  const offered = index.manifests.flatMap(({ platform }) =>
    platform === undefined ? [] : [formatPlatform(platform)],
  );
  const message = `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries`;
  throw new TsrunError("ERR_TSRUN_PLATFORM_NOT_FOUND", message, {
    hint: `the image exists for ${[...new Set(offered)].filter((name) => !name.includes("unknown")).join(", ")}`,
  });
}

/** A JSON object out of what a registry sent. */
export function parseObject(bytes: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(`${what} is not JSON`, cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(`${what} is not a JSON object`);
  return value as Record<string, unknown>;
}

/** @throws TsrunError ERR_TSRUN_MANIFEST_UNSUPPORTED with the reason, where a document is of schema 1 */
export function refuseSchemaOne(doc: Record<string, unknown>, served: string): void {
  if (doc.schemaVersion === 1 || /docker\.distribution\.manifest\.v1\+/.test(served)) throw schemaOne();
}

function imageManifest(doc: Record<string, unknown>, mediaType: string): Manifest {
  const config = descriptor(doc.config, "config");
  if (!CONFIG_TYPES.has(config.mediaType)) {
    throw unsupported(`this is no container image: its configuration is ${config.mediaType}`);
  }
  const layers = descriptors(doc.layers, "layers");
  const strange = layers.find((layer) => !LAYER_TYPE.test(layer.mediaType));
  if (strange !== undefined) throw unsupported(`unsupported layer type ${strange.mediaType}`);
  return { kind: "manifest", mediaType, config, layers };
}

/** OCI documents may leave `mediaType` out; the served type, else the shape, says what they are. */
function kindOf(served: string, doc: Record<string, unknown>): string {
  if (MANIFEST_TYPES.includes(served)) return served;
  return "manifests" in doc ? OCI_INDEX : OCI_MANIFEST;
}

function descriptors(value: unknown, where: string): Descriptor[] {
  if (!Array.isArray(value)) throw invalid(`manifest has no list "${where}"`);
  return value.map((item, i) => descriptor(item, `${where}[${i}]`));
}

function descriptor(value: unknown, where: string): Descriptor {
  const { mediaType, digest, size, platform, urls } = (value ?? {}) as Record<string, unknown>;
  if (typeof mediaType !== "string") throw invalid(`manifest: ${where} has no media type`);
  if (!isDigest(digest)) throw invalid(`manifest: ${where} has no sha256 digest`);
  if (!Number.isSafeInteger(size) || (size as number) < 0)
    throw invalid(`manifest: ${where} has no valid size`);
  const { os, architecture, variant } = (platform ?? {}) as Record<string, unknown>;
  const result: Descriptor = { mediaType, digest, size: size as number };
  if (typeof os === "string" && typeof architecture === "string") {
    result.platform = normalize({ os, architecture, ...(typeof variant === "string" ? { variant } : {}) });
  }
  const elsewhere = Array.isArray(urls) ? urls.filter(isWebUrl) : [];
  if (elsewhere.length > 0) result.urls = elsewhere;
  return result;
}

const isWebUrl = (url: unknown): url is string =>
  typeof url === "string" && /^https?:$/.test(URL.parse(url)?.protocol ?? "");

function schemaOne(): TsrunError {
  return unsupported("the registry offers this image only in the manifest format schema 1", {
    hint: "schema 1 has no verifiable configuration and was withdrawn in 2019; push the image again with a current tool",
  });
}

function unsupported(message: string, options: { hint?: string } = {}): TsrunError {
  return new TsrunError("ERR_TSRUN_MANIFEST_UNSUPPORTED", message, options);
}

function invalid(message: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_MANIFEST_INVALID", message, cause === undefined ? {} : { cause });
}
