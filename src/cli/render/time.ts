/** Times and durations as docker prints and reads them. */

/** How long, roughly: "3 seconds", "About a minute", "2 weeks". */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  const days = Math.trunc(hours / 24);
  if (hours < 24 * 7 * 2) return `${days} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(days / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(days / 30)} months`;
  return `${Math.trunc(days / 365)} years`;
}

/** "2 minutes ago"; "N/A" for no time at all. */
export function ago(time: string, now: number): string {
  const then = Date.parse(time);
  return Number.isNaN(then) || then <= 0 ? "N/A" : `${humanDuration(now - then)} ago`;
}

/** Local time as Go prints it: "2024-01-02 15:04:05 +0000 UTC". */
export function goTime(time: string): string {
  const local = localParts(time);
  if (local === undefined) return "0001-01-01 00:00:00 +0000 UTC";
  const offset = `${local.sign}${local.hours}${local.minutes}`;
  return `${local.day} ${local.clock} ${offset} ${local.isUtc ? "UTC" : offset}`;
}

/** Local time by RFC 3339, to the second: "2024-01-02T15:04:05Z". */
export function rfc3339(time: string): string {
  const local = localParts(time);
  if (local === undefined) return "0001-01-01T00:00:00Z";
  return `${local.day}T${local.clock}${local.isUtc ? "Z" : `${local.sign}${local.hours}:${local.minutes}`}`;
}

function localParts(time: string) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return undefined;
  const east = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + east * 60_000).toISOString();
  const [hours, minutes] = [two(Math.abs(east) / 60), two(Math.abs(east) % 60)];
  const sign = east < 0 ? "-" : "+";
  return { day: local.slice(0, 10), clock: local.slice(11, 19), sign, hours, minutes, isUtc: east === 0 };
}

const two = (number: number): string => String(Math.trunc(number)).padStart(2, "0");

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of a Go duration, "1h30m" or "500ms"; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (!/^[+-]?(\d+(\.\d*)?(ns|us|\u00b5s|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d*)?)(ns|us|\u00b5s|ms|s|m|h)/g)) {
    total += Number(number) * (UNITS[unit as string] as number);
  }
  return text.startsWith("-") ? -total : total;
}

const DATE = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * `--since` and `--until`: a duration before now ("42m"), unix seconds ("1700000000.5") or RFC 3339, whose time of
 * day and zone may be left out (local time then). Returns RFC 3339 or unix seconds; throws on anything else.
 */
export function parseMoment(text: string, now: number): string {
  const duration = parseDuration(text);
  if (duration !== undefined) return new Date(now - duration).toISOString();
  if (/^\d+(\.\d{1,9})?$/.test(text)) return text;
  const [, day, time = "", zone = ""] = DATE.exec(text) ?? [];
  if (day !== undefined) {
    const clock =
      time === ""
        ? "00:00:00"
        : time.length === 2
          ? `${time}:00:00`
          : time.length === 5
            ? `${time}:00`
            : time;
    const moment = `${day}T${clock}${zone}`;
    // A time with its zone is passed on as it is: Date would cut its nanoseconds.
    if (!Number.isNaN(Date.parse(moment))) return zone === "" ? new Date(moment).toISOString() : moment;
  }
  throw new Error(
    `invalid value "${text}": neither a time such as 2013-01-02T13:23:37Z nor a duration such as 42m`,
  );
}
