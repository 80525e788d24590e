/** JSON as a reader of 64-bit numbers needs it. */

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

/** Whole numbers beyond 2^53, which a double would round, become bigints; everything else is JSON.parse()'s. */
export function parseExactJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, exactly as (key: string, value: unknown) => unknown);
}

const exactly: Reviver = (_, value, { source }) =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? "")
    ? BigInt(source ?? "")
    : value;
