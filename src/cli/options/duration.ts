/** Durations as Go's time.ParseDuration reads them: "300ms", "1.5h", "2h45m". */

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  "\u00b5s": 1_000n,
  "\u03bcs": 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Nanoseconds; throws in Go's words. Integer arithmetic, because 0.1 has no exact binary form. */
export function parseNanoseconds(text: string): number {
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  const part = /(?=\.?\d)(\d*)\.?(\d*)([^\d.]*)/y;
  let total = 0n;
  do {
    const [, whole = "", fraction = "", unit = ""] = part.exec(rest) ?? [];
    if (whole + fraction === "") throw new Error(`time: invalid duration "${text}"`);
    if (unit === "") throw new Error(`time: missing unit in duration "${text}"`);
    const size = NANOSECONDS[unit];
    if (size === undefined) throw new Error(`time: unknown unit "${unit}" in duration "${text}"`);
    total += (BigInt(whole + fraction) * size) / 10n ** BigInt(fraction.length);
  } while (part.lastIndex < rest.length);
  if (total > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`time: invalid duration "${text}"`);
  return sign === "-" ? -Number(total) : Number(total);
}
