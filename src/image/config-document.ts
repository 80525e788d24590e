/** The image configuration (image-spec config.md): what an image runs, and the diff ids of its layers. */
import { TsrunError } from "../errors.ts";
import { isDigest } from "./digest.ts";
import { parseObject } from "./manifest.ts";
import { normalize, type Platform } from "./platform.ts";

/** How an image is probed, as Docker's configuration has it: durations in nanoseconds, 0 for the default. */
export interface ImageHealthcheck {
  /** ["CMD", program, …], ["CMD-SHELL", line] or ["NONE"]. */
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

/** The `config` object, what a container of the image runs by default; absent fields are absent. */
export interface ImageConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  Shell?: string[];
  Healthcheck?: ImageHealthcheck;
  ArgsEscaped?: boolean;
  OnBuild?: string[];
}

export interface ImageConfiguration {
  platform: Platform;
  /** RFC 3339; "" where the image does not say. */
  created: string;
  author: string;
  comment: string;
  /** Docker's own field: what built it. */
  dockerVersion: string;
  config: ImageConfig;
  /** Lowest first. */
  diffIds: string[];
}

type Check = (value: unknown) => boolean;
const isString: Check = (value) => typeof value === "string";
const isObject: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isStrings: Check = (value) => Array.isArray(value) && value.every(isString);
const isStringMap: Check = (value) => isObject(value) && Object.values(value as object).every(isString);
const isCount: Check = (value) => Number.isInteger(value ?? 0);
const isHealthcheck: Check = (value) => {
  if (!isObject(value)) return false;
  const { Test, Interval, Timeout, StartPeriod, StartInterval, Retries } = value as ImageHealthcheck;
  return isStrings(Test ?? []) && [Interval, Timeout, StartPeriod, StartInterval, Retries].every(isCount);
};

const FIELDS: Readonly<Record<keyof ImageConfig, Check>> = {
  User: isString,
  ExposedPorts: isObject,
  Env: isStrings,
  Entrypoint: isStrings,
  Cmd: isStrings,
  Volumes: isObject,
  WorkingDir: isString,
  Labels: isStringMap,
  StopSignal: isString,
  Shell: isStrings,
  Healthcheck: isHealthcheck,
  ArgsEscaped: (value) => typeof value === "boolean",
  OnBuild: isStrings,
};

/**
 * Reads and checks a configuration; null fields, which Go programs write for empty ones, are absent ones.
 *
 * @throws TsrunError ERR_TSRUN_IMAGE_CONFIG_INVALID
 */
export function parseConfiguration(bytes: Uint8Array): ImageConfiguration {
  const doc = parseObject(bytes, "image configuration");
  const { os, architecture, variant, created, author, comment, docker_version: dockerVersion } = doc;
  if (typeof os !== "string" || typeof architecture !== "string")
    throw invalid("names no os and architecture");
  const rootfs = doc.rootfs as { type?: unknown; diff_ids?: unknown } | undefined;
  const diffIds = rootfs?.diff_ids ?? [];
  if (!Array.isArray(diffIds) || !diffIds.every(isDigest))
    throw invalid("rootfs.diff_ids is no list of sha256 digests");
  return {
    platform: normalize({ os, architecture, ...(typeof variant === "string" ? { variant } : {}) }),
    created: typeof created === "string" ? created : "",
    author: typeof author === "string" ? author : "",
    comment: typeof comment === "string" ? comment : "",
    dockerVersion: typeof dockerVersion === "string" ? dockerVersion : "",
    config: executionDefaults(doc.config),
    diffIds,
  };
}

function executionDefaults(value: unknown): ImageConfig {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw invalid("config is not an object");
  const result: Record<string, unknown> = {};
  for (const [key, check] of Object.entries(FIELDS)) {
    const field = (value as Record<string, unknown>)[key];
    if (field === undefined || field === null) continue;
    if (!check(field)) throw invalid(`config.${key} has the wrong type`);
    result[key] = field;
  }
  return result as ImageConfig;
}

function invalid(what: string): TsrunError {
  return new TsrunError("ERR_TSRUN_IMAGE_CONFIG_INVALID", `image configuration: ${what}`);
}
