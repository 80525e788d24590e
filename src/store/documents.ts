/** JSON documents that are always whole: whoever reads one sees the old or the new, also after a power failure. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { TsrunError } from "../errors.ts";

/**
 * The document at `path`, undefined where there is none. Its shape is the caller's word, not checked here.
 * Throws ERR_TSRUN_DOCUMENT_CORRUPT where the file is not JSON.
 */
export function readDocument<T>(path: string): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new TsrunError("ERR_TSRUN_DOCUMENT_CORRUPT", `${path} is not valid JSON`, {
      hint: "something other than tsrun has written to it: restore it, or remove it to start without it",
      cause,
    });
  }
}

let written = 0;

/**
 * Replaces the document at `path` by way of a temporary file in the same folder. Durable (the default) means that
 * the new content survives a power failure once this returns, at the price of two fsync(2); otherwise only that a
 * reader never sees half of it. `mode` is that of the file, 0644 by default.
 */
export function writeDocument(
  path: string,
  value: unknown,
  options: { durable?: boolean; mode?: number } = {},
): void {
  const { durable = true, mode = 0o600 } = options;
  written += 1;
  const temporary = `${path}.${process.pid}-${written}.tmp`;
  try {
    const fd = openSync(temporary, "w", mode);
    try {
      writeFileSync(fd, `${JSON.stringify(value, undefined, 2)}\n`);
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (durable) syncDirectory(dirname(path));
}

/** Makes renames, creations and removals in a directory survive a power failure, fsync(2). */
export function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
