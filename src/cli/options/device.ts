/** `--device`, and the rates and weights of block devices. */
import { statSync } from "node:fs";
import { TsrunError } from "../../errors.ts";
import type { OciThrottle } from "../../runtime/oci.ts";
import { parseBytes } from "./bytes.ts";

export interface DeviceRequest {
  host: string;
  container: string;
  /** Some of "rwm". */
  permissions: string;
}

const isMode = (text: string): boolean => /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;

/** `--device HOST[:CONTAINER][:rwm]`. */
export function parseDevice(text: string): DeviceRequest {
  const [host = "", second, third, ...rest] = text.split(":");
  if (rest.length > 0 || host === "" || second === "")
    throw new Error(`invalid device specification: ${text}`);
  if (third !== undefined) {
    if (!isMode(third)) throw new Error(`bad mode specified: ${third}`);
    return { host, container: second as string, permissions: third };
  }
  if (second !== undefined && isMode(second)) return { host, container: host, permissions: second };
  if (second !== undefined && !second.startsWith("/")) throw new Error(`${second} is not an absolute path`);
  return { host, container: second ?? host, permissions: "rwm" };
}

export interface DeviceRate {
  path: string;
  rate: number;
}

/** `--device-read-bps PATH:RATE[kb|mb|gb]`. */
export function parseByteRate(text: string): DeviceRate {
  return deviceRate(
    text,
    "<device-path>:<number>[<unit>]",
    ". Unit is optional and can be kb, mb, or gb",
    parseBytes,
  );
}

/** `--device-read-iops PATH:RATE`. */
export function parseOperationRate(text: string): DeviceRate {
  return deviceRate(text, "<device-path>:<number>", "", (rate) =>
    /^\d+$/.test(rate) ? Number(rate) : Number.NaN,
  );
}

function deviceRate(text: string, form: string, unit: string, parse: (rate: string) => number): DeviceRate {
  const { path, number } = split(text);
  let rate: number;
  try {
    rate = parse(number);
  } catch {
    rate = Number.NaN;
  }
  if (!Number.isSafeInteger(rate)) {
    throw new Error(
      `invalid rate for device: ${text}. The correct format is ${form}. Number must be a positive integer${unit}`,
    );
  }
  return { path, rate };
}

/** `--blkio-weight-device PATH:WEIGHT`; the weight is 10 to 1000, or 0 for the default. */
export function parseDeviceWeight(text: string): { path: string; weight: number } {
  const { path, number } = split(text);
  const weight = /^\d+$/.test(number) ? Number(number) : Number.NaN;
  if (!(weight === 0 || (weight >= 10 && weight <= 1000)))
    throw new Error(`invalid weight for device: ${text}`);
  return { path, weight };
}

function split(text: string): { path: string; number: string } {
  const colon = text.indexOf(":");
  if (colon < 1 || colon === text.length - 1) throw new Error(`bad format: ${text}`);
  const path = text.slice(0, colon);
  if (!path.startsWith("/dev/")) throw new Error(`bad format for device path: ${text}`);
  return { path, number: text.slice(colon + 1) };
}

/** The numbers of a block device's node; throws ERR_TSRUN_OPTION_INVALID naming the option. */
export function blockDevice(option: string, path: string): { major: number; minor: number } {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new TsrunError("ERR_TSRUN_OPTION_INVALID", `${option}: no such device: ${path}`, {
      hint: "the devices of this host are listed by lsblk",
    });
  }
  if (!stat.isBlockDevice()) {
    throw new TsrunError("ERR_TSRUN_OPTION_INVALID", `${option}: ${path} is not a block device`);
  }
  return deviceNumbers(stat.rdev);
}

/** Splits a dev_t as glibc's gnu_dev_major(3) and gnu_dev_minor(3) do; the upper half lies beyond 32-bit operators. */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  const high = Math.floor(rdev / 2 ** 32);
  const low = rdev % 2 ** 32;
  return {
    major: ((low >>> 8) & 0xfff) | (high & ~0xfff),
    minor: (low & 0xff) | ((low >>> 12) & 0xfff00),
  };
}

/** Rates by path as the OCI throttles by device number. */
export function throttles(option: string, rates: readonly DeviceRate[]): OciThrottle[] {
  return rates.map(({ path, rate }) => ({ ...blockDevice(option, path), rate }));
}
