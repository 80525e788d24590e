/** The program's own log: JSON lines on stderr. pino is loaded by the first line that is written. */
import { TsrunError } from "../errors.ts";

/** From the quietest. */
export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type Log = (
  level: LogLevel,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => Promise<void>;

export function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((name) => name === text.toLowerCase());
  if (level !== undefined) return level;
  throw new TsrunError("ERR_TSRUN_OPTION_INVALID", `unable to parse logging level: ${text}`, {
    hint: `the levels are ${LOG_LEVELS.join(", ")}`,
  });
}

/** A log that drops what is below its threshold without loading anything. */
export function createLog(threshold: LogLevel): Log {
  let logger: Promise<import("pino").Logger> | undefined;
  return async (level, message, fields = {}) => {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(threshold)) return;
    logger ??= openLog(threshold);
    (await logger)[level](fields, message);
  };
}

async function openLog(threshold: LogLevel): Promise<import("pino").Logger> {
  const { pino } = await import("pino");
  return pino({ level: threshold }, pino.destination({ dest: 2, sync: true }));
}
