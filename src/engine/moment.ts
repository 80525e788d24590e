import { TsrunError } from "../errors.ts";

/**
 * A moment to the nanosecond, as text that sorts: "2026-01-31T12:00:00.123456789Z". Takes an RFC 3339 time of any zone
 * or unix seconds; throws ERR_TSRUN_TIME_INVALID for anything else.
 */
export function exactMoment(text: string): string {
  const [, seconds, decimals] = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (seconds !== undefined) return withNanoseconds(Number(seconds) * 1000, decimals) ?? invalid(text);
  const [, clock, fraction, zone] = /^(.*T[\d:]+)(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})$/i.exec(text) ?? [];
  return withNanoseconds(Date.parse(`${clock}${zone}`), fraction) ?? invalid(text);
}

function withNanoseconds(milliseconds: number, fraction = ""): string | undefined {
  // Beyond what a Date can say, or what has four digits for the year.
  if (!(Math.abs(milliseconds) < 2.5e14)) return undefined;
  return `${new Date(milliseconds).toISOString().slice(0, 19)}.${fraction.slice(0, 9).padEnd(9, "0")}Z`;
}

function invalid(text: string): never {
  throw new TsrunError("ERR_TSRUN_TIME_INVALID", `invalid time: ${text}`, {
    hint: "an RFC 3339 time such as 2026-01-31T12:00:00Z, or seconds since 1970",
  });
}
