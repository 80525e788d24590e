/**
 * The form of a JSON document, and a reader that brings one into it: keys in any case, as Go reads them and so every
 * other OCI runtime; null as absent; unknown keys left out; what has the wrong type refused by its place.
 */
import { invalidConfig } from "./errors.ts";

/** Returns the value in its form; throws ERR_TSRUN_OCI_CONFIG_INVALID. `where` is the path to it, "process.args[0]". */
export type Shape = (value: unknown, where: string) => unknown;

function typeError(value: unknown, wanted: string, where: string): never {
  const got = Array.isArray(value) ? "a list" : value === null ? "null" : `a ${typeof value}`;
  throw invalidConfig(
    `${where || "the document"}: ${wanted} is needed, not ${got.replace("a object", "an object")}`,
  );
}

const NUL = "\0";

export const string: Shape = (value, where) => {
  if (typeof value !== "string") typeError(value, "a string", where);
  if (value.includes(NUL)) throw invalidConfig(`${where}: field contains null byte`);
  return value;
};

export const boolean: Shape = (value, where) =>
  typeof value === "boolean" ? value : typeError(value, "true or false", where);

/** A whole number that a double can hold; from `least` to `most`. */
export const integer =
  (least: number, most: number): Shape =>
  (value, where) => {
    if (typeof value === "bigint") throw invalidConfig(`${where}: ${value} is out of range`);
    if (typeof value !== "number" || !Number.isInteger(value)) typeError(value, "a whole number", where);
    if (value < least || value > most) throw invalidConfig(`${where}: ${value} is out of range`);
    return value;
  };

export const uint32 = integer(0, 2 ** 32 - 1);
export const uint16 = integer(0, 2 ** 16 - 1);
export const int32 = integer(-(2 ** 31), 2 ** 31 - 1);

function whole(value: unknown, least: bigint, { most, where }: { most: bigint; where: string }): bigint {
  const isWhole = typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
  if (!isWhole) typeError(value, "a whole number", where);
  const exact = BigInt(value as number | bigint);
  if (exact < least || exact > most) throw invalidConfig(`${where}: ${exact} is out of range`);
  return exact;
}

const I64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n };
const U64 = { least: 0n, most: 2n ** 64n - 1n };

const isSafe = (value: bigint): boolean => Number.isSafeInteger(Number(value));

/** Beyond 2^53 the double next to it towards 0: nobody counts so far to the last byte, but nothing may overflow. */
function near(value: bigint): number {
  if (isSafe(value)) return Number(value);
  const lost = BigInt(value.toString(2).replace("-", "").length - 53);
  const unit = 2n ** lost;
  return Number((value / unit) * unit);
}

const near64 =
  ({ least, most }: typeof I64): Shape =>
  (value, where) =>
    near(whole(value, least, { most, where }));

export const int64 = near64(I64);
export const uint64 = near64(U64);

/** Beyond 2^53 its decimal digits. */
export const word: Shape = (value, where) => {
  const exact = whole(value, U64.least, { most: U64.most, where });
  return isSafe(exact) ? Number(exact) : String(exact);
};

/** A limit of getrlimit(2): the largest number, RLIM_INFINITY, is -1. */
export const limit: Shape = (value, where) =>
  near(BigInt.asIntN(64, whole(value, U64.least, { most: U64.most, where })));

export const list =
  (item: Shape): Shape =>
  (value, where) =>
    Array.isArray(value)
      ? value.map((entry, index) => item(entry, `${where}[${index}]`))
      : typeError(value, "a list", where);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object whose keys are data. */
export const map =
  (item: Shape): Shape =>
  (value, where) => {
    if (!isObject(value)) typeError(value, "an object", where);
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [string(key, where), item(entry, `${where}.${key}`)]),
    );
  };

/** An object with fields of its own, each optional here: what has to be there is for the rules to say. */
export function struct(fields: Readonly<Record<string, Shape>>): Shape {
  let names: Map<string, string> | undefined;
  return (value, where) => {
    if (!isObject(value)) typeError(value, "an object", where);
    names ??= new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
    const result: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(value)) {
      const name = names.get(key.toLowerCase());
      const shape = name === undefined ? undefined : fields[name];
      if (name === undefined || shape === undefined || entry === null) continue;
      result[name] = shape(entry, where === "" ? name : `${where}.${name}`);
    }
    return result;
  };
}
