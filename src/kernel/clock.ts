/** clock_gettime(2): JavaScript's clocks know milliseconds, and performance.now() loads a module that takes one. */
import { check } from "./errors.ts";
import type { Timespec } from "./files.ts";
import { libc } from "./libc.ts";

const CLOCK_REALTIME = 0;
const clockGettime = libc("int clock_gettime(int clockid, void *tp)");

const timespec = new BigInt64Array(2);

/** The time since 1970. */
export function realtime(): Timespec {
  check("clock_gettime", () => clockGettime(CLOCK_REALTIME, timespec));
  return { seconds: Number(timespec[0]), nanoseconds: Number(timespec[1]) };
}

/** Milliseconds since some moment in the past, whatever is done to the time of day. */
export const monotonic = (): number => process.uptime() * 1000;
