/**
 * Names in a tar archive are bytes; not all are UTF-8. Here they travel as byte strings: one character (0-255) per
 * byte, which costs nothing for ASCII and compares, splits and hashes like any string.
 */
import type { RawPath } from "../../kernel/files.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII, which starts with controls
const ASCII = /^[\x00-\x7f]*$/;

/** A byte string as node:fs and the FFI take it. */
export function toPath(bytes: string): RawPath {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, "latin1");
}

/** The byte string of a path on this host, which node:fs holds as UTF-8. */
export function fromPath(path: string): string {
  return ASCII.test(path) ? path : Buffer.from(path, "utf8").toString("latin1");
}

/** A byte string for an error message: decoded, and without control characters that a terminal would obey. */
export function printable(bytes: string): string {
  return JSON.stringify(Buffer.from(bytes, "latin1").toString("utf8"));
}
