/** `--env-file` and `--label-file`: a NAME=VALUE a line, "#" comments, no quoting, as docker reads them. */
import { readFileSync } from "node:fs";
import { TsrunError } from "../../errors.ts";

const BOM = "\uFEFF";

/**
 * The file's entries in order. A line with a name alone takes its value from `lookUp`, and is left out where that has
 * none. Throws ERR_TSRUN_OPTION_INVALID.
 */
export function readEnvFile(path: string, lookUp: (name: string) => string | undefined): string[] {
  const entries: string[] = [];
  for (const line of lines(path)) {
    const entry = parseLine(line, path, lookUp);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

function parseLine(
  raw: string,
  path: string,
  lookUp: (name: string) => string | undefined,
): string | undefined {
  const line = raw.trimStart();
  if (line === "" || line.startsWith("#")) return undefined;
  const equals = line.indexOf("=");
  const name = equals === -1 ? line : line.slice(0, equals);
  if (name === "") throw invalid(path, `no variable name on line '${line}'`);
  if (/\s/.test(name)) throw invalid(path, `variable '${name}' contains whitespaces`);
  if (equals !== -1) return line;
  const value = lookUp(name);
  return value === undefined ? undefined : `${name}=${value}`;
}

function lines(path: string): string[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === "ENOENT" ? "no such file or directory" : String(cause);
    throw new TsrunError("ERR_TSRUN_OPTION_INVALID", `open ${path}: ${reason}`, { cause });
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw invalid(path, `invalid utf8 bytes at line ${badLine(bytes)}`, cause);
  }
  return (text.startsWith(BOM) ? text.slice(1) : text).split(/\r?\n/);
}

function badLine(bytes: Buffer): number {
  const decoded = bytes.toString("utf8").split("\n");
  return decoded.findIndex((line) => line.includes("\uFFFD")) + 1;
}

function invalid(path: string, reason: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_OPTION_INVALID", `invalid env file (${path}): ${reason}`, { cause });
}
