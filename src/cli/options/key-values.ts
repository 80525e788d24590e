/** type=x,key=value: the fields of options that are lines of comma-separated values. */
import { parseCsvLine } from "./csv.ts";

/** Keys in small letters; a field without "=" is an error. */
export function parseKeyValues(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of parseCsvLine(text)) {
    const equals = field.indexOf("=");
    if (equals === -1) throw new Error(`invalid value ${field}, expected key=value`);
    fields.set(field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1));
  }
  return fields;
}

/** Throws where there are other keys than these. */
export function allow(fields: ReadonlyMap<string, string>, keys: readonly string[]): void {
  for (const key of fields.keys())
    if (!keys.includes(key)) throw new Error(`unexpected key '${key}': the keys are ${keys.join(", ")}`);
}
