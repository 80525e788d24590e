/**
 * Where the OCI face tells what went wrong: stderr, and with --log FILE the file, from which engines take their message.
 * The lines are logrus's, which they parse.
 */
import { appendFileSync } from "node:fs";
import { STDERR, writeText } from "../write.ts";

type Level = "debug" | "warning" | "error";

export interface Log {
  file: string | undefined;
  json: boolean;
  debug: boolean;
}

/** Where it goes until the command line is known. */
export const log: Log = { file: undefined, json: false, debug: false };

/** Writes a line to the log, which is stderr where no file was named. */
export function writeLog(level: Level, message: string): void {
  if (level === "debug" && !log.debug) return;
  const line = log.json ? jsonLine(level, message) : textLine(level, message);
  if (log.file === undefined || !isAppended(log.file, line)) writeText(STDERR, line);
}

/** Where the file cannot be written, that is told on stderr, and so is the rest. */
function isAppended(file: string, line: string): boolean {
  try {
    appendFileSync(file, line, { mode: 0o644 });
    return true;
  } catch (error) {
    log.file = undefined;
    writeLog("warning", `--log ${file}: ${(error as Error).message}`);
    return false;
  }
}

/** The end of a command that failed. */
export function reportError(message: string): void {
  writeLog("error", message);
  if (log.file !== undefined) writeText(STDERR, `${message}\n`);
}

/** The same of what is no word of the runtime's: on stderr it is told as it is. */
export function reportPlainly(message: string): void {
  if (log.file !== undefined) writeLog("error", message);
  writeText(STDERR, `${message}\n`);
}

/** RFC 3339, seconds. */
const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, "Z");

const jsonLine = (level: Level, msg: string): string => `${JSON.stringify({ level, msg, time: now() })}\n`;

const textLine = (level: Level, message: string): string =>
  `time="${now()}" level=${level} msg=${quoted(message)}\n`;

const quoted = (text: string): string => (/^[\w./@^+-]+$/.test(text) ? text : JSON.stringify(text));
