/** HEALTHCHECK of a Dockerfile, as image configurations hold it: times in nanoseconds. */
import type { ImageHealthcheck } from "../image/config-document.ts";
import { invalid } from "./image-change-error.ts";

const FIELDS: Readonly<Record<string, "Interval" | "Timeout" | "StartPeriod" | "StartInterval">> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** "NONE", or "[--interval=30s …] CMD command", where `words` reads a JSON list. */
export function parseHealthcheck(
  text: string,
  words: (text: string) => string[] | undefined,
): ImageHealthcheck {
  const result: ImageHealthcheck = {};
  let rest = text;
  for (let flag = FLAG.exec(rest); flag; flag = FLAG.exec(rest)) {
    const [all, name = "", value = ""] = flag;
    const field = FIELDS[name];
    if (name === "retries" && /^\d+$/.test(value)) result.Retries = Number(value);
    else if (field !== undefined) result[field] = nanoseconds(value);
    else throw invalid(`HEALTHCHECK: unknown flag or value: --${name}=${value}`);
    rest = rest.slice(all.length);
  }
  const [, type = "", command = ""] = /^(\S+)\s*([\s\S]*)$/.exec(rest) ?? [];
  if (/^none$/i.test(type) && command === "") return { ...result, Test: ["NONE"] };
  if (!/^cmd$/i.test(type)) throw invalid(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`);
  if (command === "") throw invalid("Missing command after HEALTHCHECK CMD");
  const list = words(command);
  return { ...result, Test: list ? ["CMD", ...list] : ["CMD-SHELL", command] };
}

const FLAG = /^--([a-z-]+)=(\S+)\s*/;

/** A duration as Go writes it: "1m30s", "1.5h". */
function nanoseconds(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([all]) => all).join("") !== text) {
    throw invalid(`HEALTHCHECK: invalid duration: ${text}`);
  }
  return parts.reduce(
    (sum, [, number, unit]) => sum + Math.round(Number(number) * (UNITS[unit as string] ?? 0)),
    0,
  );
}
