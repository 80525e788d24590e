/** RUN --mount. */
import { didYouMean } from "../suggest.ts";
import type { RunMount } from "../types.ts";
import { parseCsv } from "./csv.ts";
import { parseBool, parseBytes } from "./units.ts";

type Type = RunMount["type"];
type Sharing = NonNullable<RunMount["sharing"]>;

const TYPES: readonly Type[] = ["bind", "cache", "tmpfs", "secret", "ssh"];
const SHARING: readonly Sharing[] = ["shared", "private", "locked"];
const KEYS = [
  ["type", "from", "source", "target", "readonly", "id", "sharing", "required", "size", "mode", "uid", "gid"],
  ["src", "dst", "destination", "ro", "rw", "readwrite", "env"],
].flat();

/** What is wrong with a mount; the caller knows where it stands. */
export class MountError extends Error {}

/** How the value of a key is expanded; throws what expansion throws. */
export type ExpandValue = (value: string) => string;

/**
 * Reads the value of --mount, expanding each of its values.
 *
 * @throws MountError
 */
export function readMount(text: string, expandValue: ExpandValue): RunMount {
  const mount: Draft = { type: "bind" };
  for (const field of fieldsOf(text)) {
    const { key, value } = split(field);
    readField(mount, { key, field, value: value === undefined ? undefined : expandValue(value) });
  }
  check(mount);
  const { readOnly = mount.type !== "cache" && mount.type !== "tmpfs", ...rest } = mount;
  return { ...rest, readOnly, ...secretId(mount) };
}

/**
 * What can be told of a mount while its variables have no values: what is written with a $, or wrong, is left out.
 *
 * @throws MountError a variable in `from`, on which the order of the stages depends
 */
export function outlineMount(text: string): RunMount {
  let mount: Draft = { type: "bind" };
  for (const field of fieldsOf(text)) {
    const { key, value } = split(field);
    const dollar = value?.indexOf("$") ?? -1;
    if (key === "from" && dollar >= 0 && dollar !== (value as string).length - 1) {
      throw new MountError("'from' doesn't support variable expansion, define alias stage instead");
    }
    if (dollar >= 0) continue;
    const next = { ...mount };
    try {
      readField(next, { key, value, field });
    } catch (error) {
      if (error instanceof MountError) continue;
      throw error;
    }
    mount = next;
  }
  const { readOnly = mount.type !== "cache" && mount.type !== "tmpfs", ...rest } = mount;
  return { ...rest, readOnly, ...secretId(mount) };
}

type Draft = { -readonly [Key in keyof Omit<RunMount, "readOnly">]: RunMount[Key] } & { readOnly?: boolean };

function fieldsOf(text: string): string[] {
  const fields = parseCsv(text);
  if (fields === undefined) throw new MountError("failed to parse csv mounts: a quote stands wrong");
  return fields;
}

function split(field: string): { key: string; value: string | undefined } {
  const equals = field.indexOf("=");
  if (equals < 0) return { key: field.toLowerCase(), value: undefined };
  return { key: field.slice(0, equals).toLowerCase(), value: field.slice(equals + 1) };
}

function readField(
  mount: Draft,
  { key, value, field }: { key: string; value?: string | undefined; field: string },
): void {
  if (value === undefined && !["readonly", "ro", "readwrite", "rw", "required"].includes(key)) {
    throw new MountError(`invalid field '${field}' must be a key=value pair`);
  }
  const text = value ?? "true";
  switch (key) {
    case "type":
      mount.type = oneOf(TYPES, text, "mount type");
      return;
    case "from":
      if (text !== "") mount.from = text;
      return;
    case "source":
    case "src":
      if (text !== "") mount.source = text;
      return;
    case "target":
    case "dst":
    case "destination":
      if (text !== "") mount.target = text;
      return;
    case "readonly":
    case "ro":
      mount.readOnly = boolean(key, text);
      return;
    case "readwrite":
    case "rw":
      mount.readOnly = !boolean(key, text);
      return;
    case "required":
      only(mount, key, ["secret", "ssh"]);
      mount.required = boolean(key, text);
      return;
    case "size":
      only(mount, key, ["tmpfs"]);
      mount.size = parseBytes(text) ?? invalid(key, text);
      return;
    case "id":
      if (text !== "") mount.id = text;
      return;
    case "sharing":
      mount.sharing = oneOf(SHARING, text, "sharing value");
      return;
    case "mode":
      mount.mode = number(key, text, 8);
      return;
    case "uid":
    case "gid":
      mount[key] = number(key, text, 10);
      return;
    case "env":
      mount.env = text;
      return;
    default:
      throw new MountError(`unexpected key '${key}' in '${field}'${didYouMean(key, KEYS)}`);
  }
}

function oneOf<Value extends string>(values: readonly Value[], text: string, what: string): Value {
  const found = values.find((value) => value === text.toLowerCase());
  if (found !== undefined) return found;
  throw new MountError(`unsupported ${what} ${JSON.stringify(text)}${didYouMean(text, values)}`);
}

function boolean(key: string, text: string): boolean {
  return parseBool(text) ?? invalid(key, text);
}

function number(key: string, text: string, base: 8 | 10): number {
  const value = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(text) ? Number.parseInt(text, base) : Number.NaN;
  if (value < 2 ** 32) return value;
  throw new MountError(`invalid value ${text} for ${key}`);
}

function invalid(key: string, text: string): never {
  throw new MountError(`invalid value for ${key}: ${text}`);
}

function only(mount: Draft, key: string, types: readonly Type[]): void {
  if (types.includes(mount.type)) return;
  throw new MountError(`unexpected key '${key}' for mount type '${mount.type}'`);
}

/** What is right by itself and wrong together. */
function check(mount: Draft): void {
  const { type, sharing, source, target, id } = mount;
  for (const key of ["mode", "uid", "gid"] as const) {
    if (mount[key] !== undefined && !["secret", "ssh", "cache"].includes(type)) {
      throw new MountError(`${key} not allowed for "${type}" type mounts`);
    }
  }
  if (type === "secret") {
    if (mount.from !== undefined) throw new MountError("secret mount should not have a from");
    if (sharing !== undefined) throw new MountError("secret mount should not define sharing");
    if ((source ?? target ?? id) === undefined) {
      throw new MountError("invalid secret mount. one of source, target required");
    }
    if (source !== undefined && id !== undefined) throw new MountError("both source and id can't be set");
  }
  if (sharing !== undefined && type !== "cache") {
    throw new MountError(`invalid cache sharing set for ${type} mount`);
  }
}

/** A secret is known by its id, its source, or the last part of its target. */
function secretId({ type, id, source, target }: Draft): { id?: string } {
  if (type !== "secret") return {};
  const name = id ?? source ?? target?.slice(target.lastIndexOf("/") + 1);
  return name === undefined ? {} : { id: name };
}
