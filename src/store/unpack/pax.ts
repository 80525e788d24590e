/**
 * PAX extended headers, pax(1) "pax Extended Header": records "LENGTH KEY=VALUE\n" that override and extend the
 * header of the next entry. Values may hold any byte, newlines and NUL included: a file capability is such a value.
 */
import type { Timespec } from "../../kernel/files.ts";
import { corrupt } from "./refusals.ts";

/** Keys and values as byte strings. */
export interface PaxRecords {
  readonly values: ReadonlyMap<string, string>;
  /** GNU sparse format 0.0 repeats its keys: the numbers of GNU.sparse.offset and .numbytes in their order. */
  readonly sparseNumbers: readonly string[];
}

/** Parses the body of an extended header, a byte string. */
export function parsePax(body: string): PaxRecords {
  const values = new Map<string, string>();
  const sparseNumbers: string[] = [];
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(" ", at);
    const length = Number(body.slice(at, space));
    const end = at + length;
    const equals = body.indexOf("=", space);
    if (
      space < 0 ||
      !/^[0-9]+$/.test(body.slice(at, space)) ||
      equals < 0 ||
      equals >= end ||
      body[end - 1] !== "\n"
    ) {
      throw corrupt("a PAX header has a malformed record");
    }
    const key = body.slice(space + 1, equals);
    const value = body.slice(equals + 1, end - 1);
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") sparseNumbers.push(value);
    else values.set(key, value);
    at = end;
  }
  return { values, sparseNumbers };
}

/** The integer of a record; undefined where it is absent or empty, which by the standard removes it. */
export function paxInteger(pax: PaxRecords | undefined, key: string): number | undefined {
  const value = pax?.values.get(key);
  if (value === undefined || value === "") return undefined;
  if (!/^-?[0-9]+$/.test(value) || !Number.isSafeInteger(Number(value))) {
    throw corrupt(`the PAX record ${key} is not an integer`);
  }
  return Number(value);
}

/** The text of a record; undefined where it is absent or empty. */
export function paxText(pax: PaxRecords | undefined, key: string): string | undefined {
  return pax?.values.get(key) || undefined;
}

/** A time, "1350244992.023960108" seconds with any number of digits, rounded down to nanoseconds. */
export function paxTime(pax: PaxRecords | undefined, key: string): Timespec | undefined {
  const value = pax?.values.get(key);
  if (value === undefined || value === "") return undefined;
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (!match) throw corrupt(`the PAX record ${key} is not a time`);
  const [, sign, whole, fraction = ""] = match;
  const seconds = Number(whole);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign !== "-") return { seconds, nanoseconds };
  // A timespec counts its nanoseconds forward: -1.25 s is -2 s and 0.75 s.
  return nanoseconds === 0
    ? { seconds: -seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

const XATTR = "SCHILY.xattr.";

/** Extended attributes, in the records that every tar that keeps them writes; undefined where there are none. */
export function paxXattrs(pax: PaxRecords | undefined): Map<string, Buffer> | undefined {
  let xattrs: Map<string, Buffer> | undefined;
  for (const [key, value] of pax?.values ?? []) {
    if (!key.startsWith(XATTR)) continue;
    xattrs ??= new Map();
    xattrs.set(key.slice(XATTR.length), Buffer.from(value, "latin1"));
  }
  return xattrs;
}
