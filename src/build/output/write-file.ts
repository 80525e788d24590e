/** Files that a build leaves for its user: the whole of one, or what was there before. */
import { createWriteStream, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TsrunError } from "../../errors.ts";

export type Write = (piece: Uint8Array) => Promise<void>;

/** A device or a pipe is written to, not replaced. Throws ERR_TSRUN_OUTPUT_INVALID. */
export async function writeFile(path: string, content: AsyncIterable<Uint8Array> | string): Promise<void> {
  const target = resolve(path);
  const source = Readable.from(typeof content === "string" ? [Buffer.from(content)] : content, {
    objectMode: false,
  });
  const found = statSync(target, { throwIfNoEntry: false });
  if (found && !found.isFile()) {
    if (found.isDirectory()) throw invalid(`cannot write ${path}: it is a directory`);
    return await pipeline(source, createWriteStream(target));
  }
  const temporary = join(dirname(target), `.tsrun-${process.pid}-${count++}.tmp`);
  try {
    mkdirSync(dirname(target), { recursive: true });
    await pipeline(source, createWriteStream(temporary, { mode: 0o644 }));
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw inWords(path, error);
  }
}

let count = 0;

function inWords(path: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== "write" && syscall !== "open" && syscall !== "mkdir") return error;
  return invalid(
    `cannot write ${path}: ${code === "ENOSPC" ? "no space left on its filesystem" : code}`,
    error,
  );
}

function invalid(message: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_OUTPUT_INVALID", message, {
    hint: "choose a file in a directory that exists and has room",
    cause,
  });
}
