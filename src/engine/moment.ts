/** Times to the nanosecond, as logs have them: Date would cut them. */
import { TsrunError } from "../errors.ts";

export interface Moment {
  /** Since 1970. */
  milliseconds: number;
  /** Those below a millisecond. */
  nanoseconds: number;
}

/** Below, at or above zero: `a` is before, at or after `b`. */
export function compareMoments(a: Moment, b: Moment): number {
  return a.milliseconds - b.milliseconds || a.nanoseconds - b.nanoseconds;
}

/** Of an RFC 3339 time; NaN milliseconds where it is none. */
export function rfc3339(text: string): Moment {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? "";
  return { milliseconds: Date.parse(text), nanoseconds: Number(fraction.padEnd(9, "0").slice(3, 9)) };
}

/** Of an RFC 3339 time or of unix seconds; throws ERR_TSRUN_TIME_INVALID. */
export function parseMoment(text: string): Moment {
  const [, seconds, fraction = ""] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  const digits = fraction.padEnd(9, "0");
  const time =
    seconds === undefined
      ? rfc3339(text)
      : {
          milliseconds: Number(seconds) * 1000 + Number(digits.slice(0, 3)),
          nanoseconds: Number(digits.slice(3, 9)),
        };
  // Beyond that a year has more than four digits.
  if (Math.abs(time.milliseconds) < 2.5e14) return time;
  throw new TsrunError("ERR_TSRUN_TIME_INVALID", `invalid time: ${text}`, {
    hint: "an RFC 3339 time such as 2026-01-31T12:00:00Z, or seconds since 1970",
  });
}

/** As text that sorts: "2026-01-31T12:00:00.123456789Z". */
export function sortable({ milliseconds, nanoseconds }: Moment): string {
  return `${new Date(milliseconds).toISOString().slice(0, -1)}${String(nanoseconds).padStart(6, "0")}Z`;
}
