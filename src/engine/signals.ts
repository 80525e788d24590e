/** Signal names and numbers as users write them: "SIGTERM", "term", "15", "RTMIN+3". */
import { constants } from "node:os";
import { TsrunError } from "../errors.ts";

/** As glibc sees them: it keeps the kernel's first two real-time signals for its threads (signal(7)). */
const SIGRTMIN = 34;
const SIGRTMAX = 64;

const byName: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals));

/** The number of a signal given by name, with or without "SIG" in any case, or by number; ERR_TSRUN_SIGNAL_INVALID. */
export function parseSignal(signal: string | number): number {
  const number = numberOf(String(signal).trim().toUpperCase());
  if (number !== undefined) return number;
  throw new TsrunError("ERR_TSRUN_SIGNAL_INVALID", `invalid signal: ${signal}`, {
    hint: "signals are names such as SIGTERM, TERM or RTMIN+3, or numbers from 1 to 64",
  });
}

function numberOf(text: string): number | undefined {
  if (/^\d+$/.test(text)) return inRange(Number(text), 1);
  const name = text.startsWith("SIG") ? text : `SIG${text}`;
  const named = byName.get(name);
  if (named !== undefined) return named;
  const [, base, sign, offset] = /^SIGRT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name) ?? [];
  if (base === undefined) return undefined;
  const start = base === "MIN" ? SIGRTMIN : SIGRTMAX;
  return inRange(start + (sign === "-" ? -1 : 1) * Number(offset ?? 0), SIGRTMIN);
}

function inRange(number: number, lowest: number): number | undefined {
  return number >= lowest && number <= SIGRTMAX ? number : undefined;
}
