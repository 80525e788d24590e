/**
 * What builds have done: a document for each step that was executed, build/cache/<key>.json, which leads from all that
 * decides about its result to the layer that it has written. Documents are replaced whole and never waited for: what is
 * lost is done again. Their time of modification says when they were last of use.
 */
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { readDocument, writeDocument } from "./documents.ts";
import { hasLayer } from "./layers.ts";
import type { Paths } from "./paths.ts";

export interface CacheRecord {
  readonly version: 1;
  /** Identifies the filesystem that the step has led to. */
  readonly result: string;
  /** The diff id of what it has written; null where that is nothing. */
  readonly layer: string | null;
  /** RFC 3339. */
  readonly created: string;
  /** The instruction, as it was shown. */
  readonly description: string;
  /** Bytes of the layer's files. */
  readonly size: number;
}

export interface StoredRecord {
  readonly key: string;
  readonly record: CacheRecord;
  readonly lastUsed: Date;
}

export const buildDir = (paths: Paths): string => join(paths.root, "build");
/** What RUN --mount=type=cache keeps: a directory each, locked by whoever is at work with it. */
export const cacheMountsDir = (paths: Paths): string => join(buildDir(paths), "mounts");
/** Digests of contexts' files. */
export const contextDigestsDir = (paths: Paths): string => join(buildDir(paths), "contexts");
const cacheDir = (paths: Paths): string => join(buildDir(paths), "cache");
const recordPath = (paths: Paths, key: string): string => join(cacheDir(paths), `${key}.json`);

/** The record of a key (hexadecimal digits), of use from now on; one whose layer is gone is none. */
export function useCacheRecord(paths: Paths, key: string): CacheRecord | undefined {
  const record = readRecord(paths, key);
  if (record === undefined || (record.layer !== null && !hasLayer(paths, record.layer))) return undefined;
  const now = new Date();
  try {
    utimesSync(recordPath(paths, key), now, now);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // it was pruned just now, but its layer is held
  }
  return record;
}

export function writeCacheRecord(paths: Paths, key: string, record: CacheRecord): void {
  mkdirSync(cacheDir(paths), { recursive: true, mode: 0o700 });
  writeDocument(recordPath(paths, key), record, { durable: false });
}

export function removeCacheRecord(paths: Paths, key: string): void {
  rmSync(recordPath(paths, key), { force: true });
}

/** All there are, of whatever use they still may be. */
export function cacheRecords(paths: Paths): StoredRecord[] {
  return namesIn(cacheDir(paths)).flatMap((name) => {
    if (!name.endsWith(".json")) return [];
    const key = name.slice(0, -".json".length);
    const record = readRecord(paths, key);
    const lastUsed = statSync(recordPath(paths, key), { throwIfNoEntry: false })?.mtime;
    return record && lastUsed ? [{ key, record, lastUsed }] : [];
  });
}

/** Diff ids of the layers that the cache holds. */
export const layersOfBuildCache = (paths: Paths): string[] =>
  cacheRecords(paths).flatMap(({ record }) => record.layer ?? []);

function readRecord(paths: Paths, key: string): CacheRecord | undefined {
  try {
    return readDocument<CacheRecord>(recordPath(paths, key));
  } catch (error) {
    // Half a document, which a power failure can leave.
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_DOCUMENT_CORRUPT") return undefined;
    throw error;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
