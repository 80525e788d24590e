/** Archives that a command writes: of a file there is the whole, or what was there before. */
import { createWriteStream, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TsrunError } from "../errors.ts";
import type { Context } from "./command.ts";
import { interruptible } from "./interruptible.ts";
import { relay, STDOUT } from "./write.ts";

/** An archive into a file, or to standard output where that is none that somebody looks at. */
export async function sendArchive(
  { terminal }: Context,
  output: string | undefined,
  open: (signal: AbortSignal) => Promise<Readable>,
): Promise<void> {
  if (output === undefined && terminal.isTerminal(STDOUT)) {
    throw new TsrunError(
      "ERR_TSRUN_TERMINAL_OUTPUT",
      "cowardly refusing to save to a terminal. Use the -o flag or redirect",
    );
  }
  await interruptible(async (signal) => {
    if (output === undefined) await relay(await open(signal), terminal.stdout);
    else await writeWhole(output, () => open(signal));
  });
}

/** Writes what `open` gives, readable by this user only as docker has it; throws ERR_TSRUN_OUTPUT_INVALID. */
async function writeWhole(path: string, open: () => Promise<Readable>): Promise<void> {
  const target = resolve(path);
  checkTarget(path, target);
  const source = await open();
  const found = statSync(target, { throwIfNoEntry: false });
  // A device or a pipe is written to, not replaced.
  if (found && !found.isFile()) return await pipeline(source, createWriteStream(target));
  const temporary = join(dirname(target), `.tsrun-${process.pid}.tmp`);
  try {
    await pipeline(source, createWriteStream(temporary, { mode: 0o600 }));
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw inWords(path, error);
  }
}

function checkTarget(path: string, target: string): void {
  if (!statSync(dirname(target), { throwIfNoEntry: false })?.isDirectory()) {
    throw invalid(`invalid output path: directory "${dirname(path)}" does not exist`);
  }
  if (statSync(target, { throwIfNoEntry: false })?.isDirectory())
    throw invalid(`invalid output path: "${path}" is a directory`);
}

function inWords(path: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== "write" && syscall !== "open") return error;
  const reason = code === "ENOSPC" ? "no space left on its filesystem" : (code ?? "");
  return invalid(`cannot write ${path}: ${reason}`, error);
}

function invalid(message: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_OUTPUT_INVALID", message, {
    hint: "choose a file in a directory that exists and has room",
    cause,
  });
}
