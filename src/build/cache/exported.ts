/**
 * What a cache is outside of the store: an OCI manifest whose layers are those that steps have written, and whose
 * configuration is the records that lead to them; or, inline, those records in the configuration of an image.
 */
import { TsrunError } from "../../errors.ts";
import type { Descriptor } from "../../image/manifest.ts";
import type { CacheRecord } from "../../store/build-cache.ts";
import type { CacheLocation } from "../types.ts";

export const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const CONFIG = "application/vnd.tsrun.build-cache.config.v1+json";
/** Of a manifest in a layout's index: by what it is asked for. */
export const TAG = "org.opencontainers.image.ref.name";
/** The field of an image's configuration. */
export const INLINE = "tsrun.build-cache.v1";

export type Records = Readonly<Record<string, CacheRecord>>;

/** The configuration of a manifest that is nothing but a cache. */
export interface CacheConfiguration {
  readonly records: Records;
  /** Diff ids of the manifest's layers, in their order. */
  readonly diffIds: readonly string[];
}

export interface CacheManifest {
  readonly schemaVersion: 2;
  readonly mediaType: typeof MANIFEST;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The records and layers of either form; undefined where the document is an image that has no cache in it. */
export function readCacheConfiguration(bytes: Buffer): CacheConfiguration | undefined {
  const document = JSON.parse(bytes.toString()) as {
    records?: unknown;
    diffIds?: unknown;
    rootfs?: { diff_ids?: unknown };
    [INLINE]?: { records?: unknown };
  };
  const records = document.records ?? document[INLINE]?.records;
  const diffIds = document.records === undefined ? document.rootfs?.diff_ids : document.diffIds;
  if (records === undefined) return undefined;
  if (!isRecords(records) || !Array.isArray(diffIds) || !diffIds.every((id) => typeof id === "string")) {
    throw new TsrunError("ERR_TSRUN_BUILD_CACHE_INVALID", "it is no cache of builds", {
      hint: "name what a build with --cache-to has written",
    });
  }
  return { records, diffIds };
}

function isRecords(value: unknown): value is Records {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.entries(value).every(([key, record]) => /^[0-9a-f]{64}$/.test(key) && isRecord(record))
  );
}

function isRecord(value: unknown): value is CacheRecord {
  if (typeof value !== "object" || value === null) return false;
  const { version, result, layer, created, description, size } = value as Record<string, unknown>;
  const isLayer = layer === null || (typeof layer === "string" && /^sha256:[0-9a-f]{64}$/.test(layer));
  const texts = [result, created, description].every((text) => typeof text === "string");
  return version === 1 && isLayer && texts && typeof size === "number";
}

/** What an image's configuration has of it, where that was asked for. */
export const inlineCache = (
  { cacheTo = [] }: { cacheTo?: readonly CacheLocation[] },
  records: Records,
): object => (cacheTo.some(({ type }) => type === "inline") ? { [INLINE]: { records } } : {});
