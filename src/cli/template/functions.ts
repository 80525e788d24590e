/** What templates can call: text/template's own functions and those that docker adds. */
import { sprintf } from "./printf.ts";
import { format, isObject, isTrue, toJson } from "./values.ts";

// biome-ignore lint/suspicious/noExplicitAny: templates are not typed; each function checks what it is given
export type TemplateFunction = (...args: any[]) => unknown;
export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>;

function length(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isObject(value)) return Object.keys(value).length;
  throw new Error(`len of type ${typeof value}`);
}

function index(item: unknown, ...keys: unknown[]): unknown {
  return keys.reduce((value, key) => {
    if (Array.isArray(value)) {
      const at = Number(key);
      if (!(at >= 0 && at < value.length)) throw new Error(`index out of range: ${key}`);
      return value[at];
    }
    if (!isObject(value)) throw new Error(`can't index item of type ${typeof value}`);
    // The zero value of a missing key is "" in the maps of strings that docker's documents have.
    return Object.hasOwn(value, String(key)) ? value[String(key)] : "";
  }, item);
}

function compare(a: unknown, b: unknown): number {
  if (typeof a !== typeof b || (typeof a !== "number" && typeof a !== "string")) {
    throw new Error("incompatible types for comparison");
  }
  if (a === b) return 0;
  return (a as string) < (b as string) ? -1 : 1;
}

/** Go's Print puts a space between two operands where neither is a string. */
function print(...values: unknown[]): string {
  return values.reduce<string>((text, value, at) => {
    const spaced = at > 0 && typeof value !== "string" && typeof values[at - 1] !== "string";
    return text + (spaced ? " " : "") + format(value);
  }, "");
}

const HTML: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

const JS: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
};

/** As Go's template.JSEscapeString; a character that does not print is its number. */
const jsEscape = (text: string): string =>
  text.replace(
    /[\\'"<>&=]|[^\P{C}]/gu,
    (character) =>
      JS[character] ?? `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );

/** As Go's url.QueryEscape: a blank is a plus, and nothing but letters, digits, "-", "_", "." and "~" is left alone. */
const queryEscape = (text: string): string =>
  encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

export const builtins: TemplateFunctions = {
  not: (value) => !isTrue(value),
  eq(first, ...others) {
    if (others.length === 0) throw new Error("missing argument for comparison");
    return others.some((other) => first === other);
  },
  ne: (a, b) => a !== b,
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  len: length,
  index,
  slice: (item: string | unknown[], from = 0, to = item.length) => item.slice(from, to),
  print,
  println: (...values) => `${values.map(format).join(" ")}\n`,
  printf: sprintf,
  html: (...values) => print(...values).replace(/[&<>"']/g, (character) => HTML[character] as string),
  js: (...values) => jsEscape(print(...values)),
  urlquery: (...values) => queryEscape(print(...values)),

  json: toJson,
  split: (text: string, separator: string) => String(text).split(separator),
  join(list: unknown, separator: string) {
    if (Array.isArray(list)) return list.map(format).join(separator);
    throw new Error(`wrong type for value; expected []string; got ${typeof list}`);
  },
  title: (text: string) =>
    String(text).replace(
      /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
      (_, before, letter) => before + letter.toUpperCase(),
    ),
  lower: (text: string) => String(text).toLowerCase(),
  upper: (text: string) => String(text).toUpperCase(),
  pad: (text: string, before: number, after: number) =>
    text === "" ? "" : `${" ".repeat(before)}${text}${" ".repeat(after)}`,
  truncate: (text: string, limit: number) => [...String(text)].slice(0, limit).join(""),
};

/** In a table's heading these leave the column's title as it is. */
export const headingFunctions: TemplateFunctions = {
  ...builtins,
  ...Object.fromEntries(
    ["json", "split", "join", "title", "lower", "upper", "pad", "truncate"].map((name) => [
      name,
      (value: unknown) => value,
    ]),
  ),
};
