/** Numbers with units as Go's programs read them. */

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  "\u00b5s": 1e3,
  "\u03bcs": 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Go's time.ParseDuration: "1m30s", "1.5h"; nanoseconds, or undefined for what is none. */
export function parseDuration(text: string): number | undefined {
  const [, sign, rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  const part = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;
  let total = 0;
  do {
    const [, number, unit] = part.exec(rest) ?? [];
    if (number === undefined || unit === undefined) return undefined;
    total += Math.trunc(Number(number) * (NANOSECONDS[unit] as number));
  } while (part.lastIndex < rest.length);
  if (!Number.isSafeInteger(total)) return undefined;
  return sign === "-" ? -total : total;
}

/** go-units' RAMInBytes: "64m", "1.5GiB"; undefined for what is none. */
export function parseBytes(text: string): number | undefined {
  const [, number, prefix = ""] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text) ?? [];
  if (number === undefined) return undefined;
  const power = ["", "k", "m", "g", "t", "p"].indexOf(prefix.toLowerCase());
  const bytes = Math.trunc(Number(number) * 1024 ** power);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Go's strconv.ParseBool. */
export function parseBool(text: string): boolean | undefined {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  return /^(0|f|F|FALSE|false|False)$/.test(text) ? false : undefined;
}
