/**
 * What a registry's headers tell of its limits. There is no standard that all follow:
 *
 *     RateLimit-Limit: 100;w=21600          Docker Hub: a number and a window in seconds (draft-polli-ratelimit-headers)
 *     RateLimit-Remaining: 0;w=21600
 *     X-RateLimit-Reset: 1893456000         GitHub, Quay: a unix time; others: seconds from now
 *     RateLimit: limit=100, remaining=0, reset=50                          draft-ietf-httpapi-ratelimit-headers-07
 *     Retry-After: 60
 */
import { retryAfterMs } from "./retry.ts";

export interface RateLimit {
  /** How much is allowed in a window. */
  limit: number | undefined;
  windowSeconds: number | undefined;
  remaining: number | undefined;
  /** Milliseconds since 1970 at which there is more to have. */
  resetAt: number | undefined;
}

export interface Headers {
  get(name: string): string | null;
}

/** A number as large as this is a point in time, not a delay: a year of seconds. */
const POINT_IN_TIME = 31_536_000;
/** The last moment that a Date can hold. */
const LAST_MOMENT = 8_640_000_000_000_000;

export function readRateLimit(headers: Headers, now: number = Date.now()): RateLimit {
  const combined = parameters(headers.get("ratelimit") ?? "");
  const policy = headers.get("ratelimit-policy") ?? "";
  const get = (name: string) =>
    headers.get(`ratelimit-${name}`) ??
    headers.get(`x-ratelimit-${name}`) ??
    headers.get(`docker-ratelimit-${name}`) ??
    combined.get(name) ??
    null;
  const limit = get("limit");
  return {
    limit: leadingNumber(limit),
    windowSeconds: windowOf(limit) ?? windowOf(policy),
    remaining: leadingNumber(get("remaining")),
    resetAt: resetTime(leadingNumber(get("reset")), headers.get("retry-after"), now),
  };
}

/** "limit 100 per 6 h, 0 remaining, resets at 2026-01-01T12:00:00Z", as far as it is known; "" where nothing is. */
export function describeRateLimit({ limit, windowSeconds, remaining, resetAt }: RateLimit): string {
  const window = windowSeconds ? ` per ${describeSeconds(windowSeconds)}` : "";
  const facts = [
    limit === undefined ? undefined : `limit ${limit}${window}`,
    remaining === undefined ? undefined : `${remaining} remaining`,
    resetAt === undefined
      ? undefined
      : `resets at ${new Date(resetAt).toISOString().replace(/\.\d+Z$/, "Z")}`,
  ];
  return facts.filter((fact) => fact !== undefined).join(", ");
}

function describeSeconds(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** Resets are given in seconds from now, as a unix time, or not at all; Retry-After says the same. */
function resetTime(reset: number | undefined, retryAfter: string | null, now: number): number | undefined {
  const delay = retryAfterMs(retryAfter, now);
  const moment =
    reset === undefined
      ? delay === undefined
        ? undefined
        : now + delay
      : reset > POINT_IN_TIME
        ? reset * 1000
        : now + reset * 1000;
  return moment === undefined || moment > LAST_MOMENT ? undefined : moment;
}

/** The number at the beginning of "100;w=21600" or of a list, whose first item is the limit that is closest. */
function leadingNumber(header: string | null): number | undefined {
  const digits = /^\s*(\d{1,15})(?!\d)/.exec(header ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function windowOf(header: string | null): number | undefined {
  const digits = /^[^,]*;\s*w=(\d{1,15})(?!\d)/.exec(header ?? "")?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function parameters(header: string): Map<string, string> {
  return new Map(
    header.split(",").flatMap((part): [string, string][] => {
      const [name = "", value] = part.split("=");
      return value === undefined ? [] : [[name.trim().toLowerCase(), value.trim()]];
    }),
  );
}
