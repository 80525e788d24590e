/** HEALTHCHECK, as an image's configuration has it. */
import type { HealthcheckCommand } from "../types.ts";
import { readFlags } from "./flags.ts";
import { common, type Line, someWords, wrong } from "./line.ts";
import { parseDuration } from "./units.ts";

const MILLISECOND = 1e6;

export function readHealthcheck(line: Line): HealthcheckCommand {
  const [type = "", ...words] = someWords(line);
  const fields = { ...common(line), keyword: "HEALTHCHECK" as const };
  switch (type.toUpperCase()) {
    case "NONE":
      if (words.length > 0) throw wrong(line, "HEALTHCHECK NONE takes no arguments");
      readFlags(line, {});
      return { ...fields, check: { test: ["NONE"] } };
    case "CMD":
      return { ...fields, check: { test: readTest(line, words), ...readTimes(line) } };
    default:
      throw wrong(line, `Unknown type ${JSON.stringify(type.toUpperCase())} in HEALTHCHECK (try CMD)`, type);
  }
}

function readTest(line: Line, words: readonly string[]): string[] {
  if (words.length === 0) throw wrong(line, "Missing command after HEALTHCHECK CMD");
  return line.instruction.json ? ["CMD", ...words] : ["CMD-SHELL", words.join(" ")];
}

function readTimes(line: Line): Omit<HealthcheckCommand["check"], "test"> {
  const flags = readFlags(line, {
    interval: "value",
    timeout: "value",
    "start-period": "value",
    "start-interval": "value",
    retries: "value",
  });
  const interval = readTime(line, "interval", flags.interval);
  const timeout = readTime(line, "timeout", flags.timeout);
  const startPeriod = readTime(line, "start-period", flags["start-period"]);
  const startInterval = readTime(line, "start-interval", flags["start-interval"]);
  const retries = readRetries(line, flags.retries);
  return {
    ...(interval === undefined ? {} : { interval }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(startPeriod === undefined ? {} : { startPeriod }),
    ...(startInterval === undefined ? {} : { startInterval }),
    ...(retries === undefined ? {} : { retries }),
  };
}

/** Nanoseconds; undefined for none and for 0, which is the default. */
function readTime(line: Line, name: string, text = ""): number | undefined {
  if (text === "") return undefined;
  const time = parseDuration(text);
  const flag = `--${name}=${text}`;
  if (time === undefined) throw wrong(line, `time: invalid duration ${JSON.stringify(text)}`, flag);
  if (time !== 0 && time < MILLISECOND) {
    throw wrong(line, `Interval "${name}" cannot be less than 1ms`, flag);
  }
  return time === 0 ? undefined : time;
}

function readRetries(line: Line, text = ""): number | undefined {
  if (text === "") return undefined;
  const retries = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  const flag = `--retries=${text}`;
  if (!(Math.abs(retries) < 2 ** 31)) throw wrong(line, `--retries is not a number: ${text}`, flag);
  if (retries < 0) throw wrong(line, `--retries cannot be negative (${retries})`, flag);
  return retries === 0 ? undefined : retries;
}
