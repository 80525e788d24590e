/** --log-driver and --log-opt. */
import type { Config } from "../config.ts";
import { TsrunError } from "../errors.ts";
import type { ContainerOptions } from "./types.ts";

/** Unlike Docker's default, a log that nobody configured cannot fill the disk. */
const DEFAULT_MAX_SIZE = 10 * 1000 * 1000;
const DEFAULT_MAX_FILES = 3;
const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1e3, m: 1e6, g: 1e9 };

export interface LogSettings {
  driver: "json-file" | "none";
  /** Bytes above which the log is rotated; 0 for never. */
  maxSize: number;
  /** How many files are kept, the current one included. */
  maxFiles: number;
}

/** Options of the container win over the configuration's; throws ERR_TSRUN_LOG_OPT_INVALID. */
export function parseLogOptions(options: ContainerOptions, config: Config): LogSettings {
  const driver = options.logDriver ?? config["log-driver"];
  const values = { ...config["log-opts"], ...options.logOptions };
  for (const key of Object.keys(values)) {
    if (key !== "max-size" && key !== "max-file") {
      throw invalid(`unknown log opt '${key}' for ${driver} log driver`, "max-size and max-file are known");
    }
  }
  return { driver, maxSize: parseSize(values["max-size"]), maxFiles: parseCount(values["max-file"]) };
}

function parseSize(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MAX_SIZE;
  if (text === "-1") return 0;
  const [, number, unit] = /^(\d+(?:\.\d+)?)([bkmg]?)b?$/i.exec(text) ?? [];
  const factor = unit === undefined ? undefined : UNITS[unit.toLowerCase()];
  if (number === undefined || factor === undefined) {
    throw invalid(
      `invalid max-size '${text}'`,
      "a number with the unit k, m or g, such as 10m; -1 for no limit",
    );
  }
  return Math.round(Number(number) * factor);
}

function parseCount(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MAX_FILES;
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count < 1) throw invalid(`invalid max-file '${text}'`, "a number of files, 1 or more");
  return count;
}

function invalid(message: string, hint: string): TsrunError {
  return new TsrunError("ERR_TSRUN_LOG_OPT_INVALID", message, { hint });
}
