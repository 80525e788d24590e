/**
 * Variables and quotes as BuildKit's shell lexer treats them: somewhat like sh(1), with a few forms of ${} and the
 * file's own escape character, without commands, arithmetic or assignments.
 */
import { SPACES } from "../text.ts";
import { readPattern, replaceMatches, trimPrefix, trimSuffix } from "./pattern.ts";

/** The value of a variable; undefined: not set. */
export type Lookup = (name: string) => string | undefined;

export interface WordOptions {
  /** Default: a backslash. */
  readonly escape?: "\\" | "`";
  /** Quotes stay in the result. */
  readonly keepQuotes?: boolean;
  /** Escape characters stay, too. */
  readonly keepEscapes?: boolean;
  /** Quotes mean nothing. */
  readonly plainQuotes?: boolean;
  /** What names a variable that is not set stays as it is. */
  readonly keepUnset?: boolean;
}

export interface Expanded {
  readonly text: string;
  /** The text divided at white space that is not quoted, also at that of values. Empty ones are left out. */
  readonly words: readonly string[];
  /** Variables that were looked up and set, and those that were not. */
  readonly used: ReadonlySet<string>;
  readonly unmatched: ReadonlySet<string>;
}

/** Something that cannot be expanded; says why, the caller knows where. */
export class SubstitutionError extends Error {}

/** ${} in ${} in …, and characters of a result: values that double with every line would fill the memory. */
const LIMITS = { depth: 100, length: 4 * 1024 * 1024 };

/** Replaces the variables of a text. @throws SubstitutionError */
export function expand(text: string, lookup: Lookup, options: WordOptions = {}): Expanded {
  const used = new Set<string>();
  const unmatched = new Set<string>();
  const reader: Reader = {
    text,
    isAscii: !/[\u0080-\uffff]/.test(text),
    at: 0,
    depth: 0,
    options,
    escape: options.escape ?? "\\",
    keepEscapes: options.keepEscapes ?? false,
    value(name) {
      const value = lookup(name);
      (value === undefined ? unmatched : used).add(name);
      return value;
    },
  };
  const words = new Words();
  const result = readUntil(reader, undefined, words);
  return { text: result, words: words.finish(), used, unmatched };
}

interface Reader {
  readonly text: string;
  readonly isAscii: boolean;
  at: number;
  depth: number;
  readonly options: WordOptions;
  readonly escape: string;
  /** Changes within patterns, whose escapes are their own. */
  keepEscapes: boolean;
  value(name: string): string | undefined;
}

/** Divides what is read into words. */
class Words {
  readonly #words: string[] = [];
  #word = "";

  /** Text whose white space divides. */
  add(text: string): void {
    const [first = "", ...others] = text.split(SPACES);
    this.#word += first;
    for (const word of others) {
      this.#end();
      this.#word = word;
    }
  }

  /** Text that does not. */
  addQuoted(text: string): void {
    this.#word += text;
  }

  finish(): string[] {
    this.#end();
    return this.#words;
  }

  #end(): void {
    if (this.#word !== "") this.#words.push(this.#word);
    this.#word = "";
  }
}

/** Up to a character, which is read too, or to the end. */
function readUntil(reader: Reader, stop: string | undefined, words?: Words): string {
  let result = "";
  while (reader.at < reader.text.length) {
    const character = reader.text[reader.at] as string;
    if (character === stop) {
      reader.at++;
      return result;
    }
    const quotes = reader.options.plainQuotes !== true;
    if (character === "$") {
      const value = readDollar(reader);
      words?.add(value);
      result += value;
    } else if (quotes && (character === "'" || character === '"')) {
      const quoted = character === "'" ? readSingleQuotes(reader) : readDoubleQuotes(reader);
      words?.addQuoted(quoted);
      result += quoted;
    } else if (character === "<") {
      const opener = readHeredocOpener(reader);
      words?.addQuoted(opener);
      result += opener;
    } else if (character === reader.escape) {
      const escaped = reader.text.slice(reader.at + 1, reader.at + 2);
      reader.at += 2;
      const kept = reader.keepEscapes ? character + escaped : escaped;
      words?.addQuoted(kept);
      result += kept;
    } else {
      reader.at++;
      words?.add(character);
      result += character;
    }
    if (result.length > LIMITS.length) throw new SubstitutionError("the result is too long");
  }
  if (stop !== undefined) {
    throw new SubstitutionError(`unexpected end of statement while looking for matching ${stop}`);
  }
  return result;
}

function readSingleQuotes(reader: Reader): string {
  const end = reader.text.indexOf("'", reader.at + 1);
  if (end < 0) {
    throw new SubstitutionError("unexpected end of statement while looking for matching single-quote");
  }
  const quoted = reader.text.slice(reader.at + 1, end);
  reader.at = end + 1;
  return reader.options.keepQuotes === true ? `'${quoted}'` : quoted;
}

function readDoubleQuotes(reader: Reader): string {
  const quote = reader.options.keepQuotes === true ? '"' : "";
  let result = quote;
  reader.at++;
  for (;;) {
    const character = reader.text[reader.at];
    if (character === undefined) {
      throw new SubstitutionError("unexpected end of statement while looking for matching double-quote");
    }
    if (character === "$") {
      result += readDollar(reader);
      continue;
    }
    reader.at++;
    if (character === '"') return result + quote;
    if (character !== reader.escape) {
      result += character;
      continue;
    }
    const next = reader.text[reader.at];
    if (reader.keepEscapes) result += character;
    if (next === undefined) continue;
    // Before any other character the escape character is one like others.
    if (next === '"' || next === "$" || next === reader.escape) {
      result += next;
      reader.at++;
    } else result += character;
  }
}

/** `<<` and white space after it, which belongs to the name that follows. */
function readHeredocOpener(reader: Reader): string {
  const opener = /<(?:<[\t\r ]*)?/y;
  opener.lastIndex = reader.at;
  const [text] = opener.exec(reader.text) as RegExpExecArray;
  reader.at += text.length;
  return text;
}

function readDollar(reader: Reader): string {
  reader.at++;
  if (reader.text[reader.at] === "{") {
    reader.at++;
    return readBraces(reader);
  }
  const name = readName(reader);
  if (name === "") return "$";
  return reader.value(name) ?? (reader.options.keepUnset === true ? `$${name}` : "");
}

/** A number, a special parameter, or letters, digits and _; "" where none stands here. */
function readName(reader: Reader): string {
  // V8 takes half a millisecond to compile what letters are.
  const name = reader.isAscii
    ? /\d+|[@*#?\-$!]|[A-Za-z_]\w*/y
    : /\p{Nd}+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*/uy;
  name.lastIndex = reader.at;
  const text = name.exec(reader.text)?.[0] ?? "";
  reader.at += text.length;
  return text;
}

/** What follows "${". */
function readBraces(reader: Reader): string {
  const first = reader.text[reader.at];
  if (first === undefined) throw new SubstitutionError("syntax error: missing '}'");
  if (first === "{" || first === "}" || first === ":") {
    throw new SubstitutionError("syntax error: bad substitution");
  }
  if (++reader.depth > LIMITS.depth) throw new SubstitutionError("substitutions are nested too deeply");
  const name = readName(reader);
  const modifier = reader.text[reader.at++];
  const result = modifier === "/" ? readReplacement(reader, name) : readModifier(reader, name, modifier);
  reader.depth--;
  return result;
}

function readModifier(reader: Reader, name: string, first: string | undefined): string {
  const keep = (rest: string): string | undefined =>
    reader.options.keepUnset === true ? `\${${name}${rest}}` : undefined;
  if (first === "}") {
    return reader.value(name) ?? keep("") ?? "";
  }
  const emptyIsUnset = first === ":";
  const modifier = emptyIsUnset ? reader.text[reader.at++] : first;
  const written = `${emptyIsUnset ? ":" : ""}${modifier ?? ""}`;
  const pattern = modifier === "#" || modifier === "%";
  if (!["-", "+", "?", "#", "%"].includes(modifier ?? "") || (emptyIsUnset && pattern)) {
    throw new SubstitutionError(
      modifier === undefined
        ? "syntax error: missing '}'"
        : `unsupported modifier (${written}) in substitution`,
    );
  }
  const word = readPart(reader, "}", { pattern });
  const value = reader.value(name);
  if (value === undefined) {
    const kept = keep(written + word);
    if (kept !== undefined) return kept;
  }
  const missing = value === undefined || (emptyIsUnset && value === "");
  switch (modifier) {
    case "-":
      return missing ? word : value;
    case "+":
      return missing ? "" : word;
    case "?": {
      if (!missing) return value;
      const state = value === undefined ? "unset" : "empty";
      throw new SubstitutionError(`${name}: ${word === "" ? `is not allowed to be ${state}` : word}`);
    }
    default:
      return trimmed(value ?? "", modifier as "#" | "%", word);
  }
}

/** The value without the prefix (#) or suffix (%) that the pattern matches: the longest where the sign is doubled. */
function trimmed(value: string, sign: "#" | "%", word: string): string {
  const longest = word.startsWith(sign);
  const text = longest ? word.slice(1) : word;
  const trimming = sign === "#" ? trimPrefix : trimSuffix;
  return trimming(value, patternOf(text), longest);
}

function readReplacement(reader: Reader, name: string): string {
  const all = reader.text[reader.at] === "/";
  if (all) reader.at++;
  const pattern = readPart(reader, "/", { pattern: true });
  const replacement = readPart(reader, "}", { pattern: true });
  const value = reader.value(name);
  if (value === undefined && reader.options.keepUnset === true) {
    return `\${${name}/${all ? "/" : ""}${pattern}/${replacement}}`;
  }
  return replaceMatches(value ?? "", patternOf(pattern), { replacement, all });
}

/** A part of ${} up to a character; the escapes of a pattern stay for the pattern. */
function readPart(reader: Reader, stop: "}" | "/", { pattern }: { pattern: boolean }): string {
  const outer = reader.keepEscapes;
  reader.keepEscapes = pattern;
  try {
    return readUntil(reader, stop);
  } catch (error) {
    if (!(error instanceof SubstitutionError) || reader.at < reader.text.length) throw error;
    const where = stop === "/" ? " in a replacement" : "";
    throw new SubstitutionError(`syntax error: missing '${stop}'${where}`);
  } finally {
    reader.keepEscapes = outer;
  }
}

function patternOf(text: string): ReturnType<typeof readPattern> & object {
  const pattern = readPattern(text);
  if (pattern === undefined) throw new SubstitutionError(`invalid pattern (${text}) in substitution`);
  return pattern;
}
