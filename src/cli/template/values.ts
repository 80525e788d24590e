/**
 * How a template sees JavaScript values. Go tells structs, whose fields are known, from maps, whose keys are not:
 * here a plain object is a struct, and an object without a prototype (`goMap`) is a map. The difference shows in what
 * a missing name means, and in print.
 */

/** An object as a Go map: with sorted keys, and a missing key is no error. */
export function goMap<T>(record: Readonly<Record<string, T>> | undefined): Record<string, T> {
  const map = Object.create(null) as Record<string, T>;
  for (const key of Object.keys(record ?? {}).sort()) map[key] = (record as Record<string, T>)[key] as T;
  return map;
}

/** The map, or a nil one where there is nothing in it: JSON's null, printed as map[]. */
export function goNilMap<T>(record: Readonly<Record<string, T>> | undefined): Record<string, T> {
  const map = goMap(record);
  if (Object.keys(map).length === 0) Object.defineProperty(map, "toJSON", { value: () => null });
  return map;
}

/**
 * The fields, and those of `zeroes` that are not among them, for templates alone: what Go's `omitempty` leaves out of
 * JSON is still a field of the struct, so that `{{if .State.Health}}` asks a question and is no error.
 */
export function goStruct<T extends object>(fields: T, zeroes: Readonly<Record<string, unknown>>): T {
  for (const [name, value] of Object.entries(zeroes)) {
    if (!Object.hasOwn(fields, name)) Object.defineProperty(fields, name, { value });
  }
  return fields;
}

/** A slice that was never made: JSON's null, printed as []. */
class NilSlice extends Array<never> {
  toJSON(): null {
    return null;
  }
}

/** The list, or a nil slice where there is nothing in it, as Go's omitted lists appear in docker's documents. */
export function goSlice<T>(list: readonly T[] | undefined): readonly T[] {
  return list === undefined || list.length === 0 ? new NilSlice() : list;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isMap = (value: unknown): value is Record<string, unknown> =>
  isObject(value) && Object.getPrototypeOf(value) === null;

/** Go's idea of truth: not the zero value, not empty. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value) || typeof value === "string") return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** A value as fmt's %v prints it. */
export function format(value: unknown): string {
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(format).join(" ")}]`;
  if (isMap(value))
    return `map[${entries(value)
      .map(([key, item]) => `${key}:${format(item)}`)
      .join(" ")}]`;
  if (isObject(value)) {
    const fields = Object.values(value).filter((field) => typeof field !== "function");
    return `{${fields.map(format).join(" ")}}`;
  }
  return String(value);
}

function entries(map: Record<string, unknown>): [string, unknown][] {
  return Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A value as JSON; bigints are numbers. */
export function toJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_, item) =>
    typeof item === "bigint" ? rawJson(String(item)) : item,
  );
}

/** A number as it is written: JSON.rawJSON, which TypeScript's library does not know yet. */
const rawJson = (text: string): unknown =>
  (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
