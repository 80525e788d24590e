/** Numbers and booleans with the words of Go's strconv, which docker's users know from its messages. */

const BOOLS = new Map<string, boolean>([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, false] as const),
]);

export function parseBool(text: string): boolean {
  const value = BOOLS.get(text);
  if (value === undefined) throw new Error(`strconv.ParseBool: parsing "${text}": invalid syntax`);
  return value;
}

/** A whole number in decimal, or with 0x, 0o or 0b in front. */
export function parseInteger(text: string): number {
  if (!/^[+-]?(\d+|0x[\da-f]+|0o[0-7]+|0b[01]+)$/i.test(text)) {
    throw new Error(`strconv.ParseInt: parsing "${text}": invalid syntax`);
  }
  const negative = text.startsWith("-");
  const magnitude = Number(text.replace(/^[+-]/, ""));
  if (!Number.isSafeInteger(magnitude))
    throw new Error(`strconv.ParseInt: parsing "${text}": value out of range`);
  return negative ? -magnitude : magnitude;
}

/** A whole number from 0 to `limit`. */
export function parseUnsigned(text: string, limit: number): number {
  if (!/^\d+$/.test(text)) throw new Error(`strconv.ParseUint: parsing "${text}": invalid syntax`);
  const number = Number(text);
  if (number > limit) throw new Error(`strconv.ParseUint: parsing "${text}": value out of range`);
  return number;
}

/**
 * `--cpus`: a decimal ("0.5") or a fraction ("1/2") of CPUs, in billionths of a CPU.
 * Integer arithmetic, because 0.1 has no exact binary form and a too precise value must be noticed.
 */
export function parseNanoCpus(text: string): number {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,3}))?(?:\/(\d+))?$/i.exec(text);
  const [, sign, whole = "", fraction = "", exponent = "0", divisor = "1"] = match ?? [];
  if (match === null || whole + fraction === "" || BigInt(divisor) === 0n) {
    throw new Error(`failed to parse ${text} as a rational number`);
  }
  const scale = 9 - fraction.length + Number(exponent);
  const digits = BigInt(whole + fraction);
  const numerator = scale >= 0 ? digits * 10n ** BigInt(scale) : digits;
  const denominator = BigInt(divisor) * (scale >= 0 ? 1n : 10n ** BigInt(-scale));
  if (numerator % denominator !== 0n) throw new Error("value is too precise");
  const nano = Number(numerator / denominator);
  return sign === "-" ? -nano : nano;
}
