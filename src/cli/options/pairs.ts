/** NAME=VALUE options: environment, labels, annotations, sysctls, log options, host names. */
import { TsrunError } from "../../errors.ts";
import { isIp } from "./ip.ts";

/** `-e`: NAME=VALUE, or NAME alone, which `resolveEnv` completes. */
export function parseEnv(text: string): string {
  if (text === "" || text.startsWith("=")) throw new Error(`invalid environment variable: ${text}`);
  return text;
}

/** NAME alone becomes NAME=VALUE from `env`; where that has none it stays, which unsets the image's variable. */
export function resolveEnv(
  entries: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  return entries.map((entry) => {
    const inherited = entry.includes("=") ? undefined : env[entry];
    return inherited === undefined ? entry : `${entry}=${inherited}`;
  });
}

/** `-l`: KEY[=VALUE]. */
export function parseLabel(text: string): string {
  if (text === "" || text.startsWith("=")) throw new Error(`invalid label '${text}': empty name`);
  return text;
}

/** KEY[=VALUE] entries as an object, later ones winning; a key alone has the value "". */
export function toRecord(entries: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (const entry of entries) {
    const equals = entry.indexOf("=");
    record[equals === -1 ? entry : entry.slice(0, equals)] = equals === -1 ? "" : entry.slice(equals + 1);
  }
  return record;
}

/** `--sysctl`: NAME=VALUE. Which names are allowed is the engine's knowledge. */
export function parseSysctl(text: string): string {
  if (!/^[^=]+=/.test(text)) throw new Error(`sysctl '${text}' is not allowed`);
  return text;
}

/** `--add-host`: HOST:IP or HOST=IP, the address of IPv6 with or without brackets, kept as "HOST:IP". */
export function parseExtraHost(text: string): string {
  const [, host, address] = /^([^:=]+)[:=](.+)$/.exec(text) ?? [];
  if (host === undefined || address === undefined) throw new Error(`bad format for add-host: "${text}"`);
  const bare = /^\[.*\]$/.test(address) ? address.slice(1, -1) : address;
  if (bare !== "host-gateway" && !isIp(bare)) throw new Error(`invalid IP address in add-host: "${address}"`);
  return `${host}:${bare}`;
}

/** `--log-opt` of a driver: json-file knows max-size and max-file, none knows nothing. */
export function logOptions(
  driver: "json-file" | "none" | undefined,
  entries: readonly string[],
): Record<string, string> {
  const options = toRecord(entries);
  const names = Object.keys(options);
  if (driver === "none" && names.length > 0) throw invalid("invalid logging opts for driver none");
  for (const name of names) {
    if (name === "max-size" || name === "max-file") continue;
    throw invalid(`unknown log opt '${name}' for json-file log driver`, "known options: max-size, max-file");
  }
  return options;
}

export function parseLogDriver(text: string): "json-file" | "none" {
  if (text === "json-file" || text === "none") return text;
  throw new TsrunError("ERR_TSRUN_OPTION_INVALID", `logger: no log driver named '${text}' is registered`, {
    hint: "the drivers are json-file and none",
  });
}

function invalid(message: string, hint?: string): TsrunError {
  return new TsrunError("ERR_TSRUN_OPTION_INVALID", message, hint === undefined ? {} : { hint });
}
