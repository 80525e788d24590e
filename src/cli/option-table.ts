/**
 * Options are declared as tables, one row an option, keyed by the long name. One table serves three readers: the
 * parser (parse.ts), the help text (help.ts) and TypeScript, which infers the type of the parsed values from it.
 */
import { parseBool } from "./options/numbers.ts";

export interface FlagOption {
  kind: "flag";
  short: string | undefined;
  description: string;
  default: boolean;
}

export interface ValueOption<T> {
  kind: "value" | "list";
  short: string | undefined;
  /** The kind of value, as the help names it: "string", "list", "bytes". */
  metavar: string;
  description: string;
  /** Turns the text into a value or throws an Error that says, in docker's words, what is wrong with it. */
  parse: (text: string) => T;
}

/** Given several times; the values are collected. */
export interface ListOption<T> extends ValueOption<T> {
  kind: "list";
}

export interface SingleOption<T> extends ValueOption<T> {
  kind: "value";
}

/** Another spelling of an option, not shown in help. */
export interface AliasOption {
  kind: "alias";
  of: string;
}

/** A flag that docker has and tsrun cannot honour: naming it is an error, never a silent no-op. */
export interface RefusedOption {
  kind: "refused";
  short: string | undefined;
  reason: string;
}

// biome-ignore lint/suspicious/noExplicitAny: a table's rows have parsers of different types
export type Option = FlagOption | SingleOption<any> | ListOption<any> | AliasOption | RefusedOption;
export type OptionTable = Readonly<Record<string, Option>>;

/** The values that a table's options parse to, by long name. */
export type OptionValues<Table extends OptionTable> = {
  [Name in keyof Table as Table[Name] extends AliasOption | RefusedOption
    ? never
    : Name]: Table[Name] extends ListOption<infer T>
    ? T[]
    : Table[Name] extends SingleOption<infer T>
      ? T | undefined
      : boolean;
};

const text = (value: string): string => value;

export function flag(description: string, extra: { short?: string; default?: boolean } = {}): FlagOption {
  return { kind: "flag", short: extra.short, description, default: extra.default ?? false };
}

interface Extra<T> {
  short?: string;
  metavar?: string;
  parse?: (text: string) => T;
}

export function value<T = string>(description: string, extra: Extra<T> = {}): SingleOption<T> {
  return { kind: "value", ...row("string", description, extra) };
}

export function list<T = string>(description: string, extra: Extra<T> = {}): ListOption<T> {
  return { kind: "list", ...row("list", description, extra) };
}

function row<T>(metavar: string, description: string, extra: Extra<T>): Omit<ValueOption<T>, "kind"> {
  const parse = extra.parse ?? (text as unknown as (value: string) => T);
  return { short: extra.short, metavar: extra.metavar ?? metavar, description, parse };
}

export function alias<Name extends string>(of: Name): AliasOption {
  return { kind: "alias", of };
}

export function refused(reason: string, short?: string): RefusedOption {
  return { kind: "refused", short, reason };
}

/** What a flag written as `--name=text` is set to. */
export const parseFlag = parseBool;
