/** The arguments of an instruction, as its keyword divides them. Quotes and escapes stay: expansion looks at them. */
import { DockerfileError } from "./error.ts";
import { isSpace, trimStart } from "./text.ts";
import type { Range } from "./types.ts";

/** What Docker's whitespace-delimited forms are divided at; a run of them counts once. */
const BLANKS = /[\t\v\f\r ]+/;

/** Words between blanks, whatever they are. */
export function splitBlanks(rest: string): string[] {
  return rest === "" ? [] : rest.split(BLANKS);
}

/** The first word and what follows it; undefined where there is only one. */
export function splitFirst(text: string): readonly [string, string] | undefined {
  const blanks = BLANKS.exec(text);
  return blanks === null
    ? undefined
    : [text.slice(0, blanks.index), text.slice(blanks.index + blanks[0].length)];
}

/** Words between white space that is not quoted. */
export function splitQuoted(rest: string, token: string): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let at = 0; at < rest.length; at++) {
    const character = rest[at] as string;
    if (quote === "" && isSpace(character)) {
      if (word !== "") words.push(word);
      word = "";
      continue;
    }
    if (character === token && quote !== "'") {
      // At the end of the line it escapes nothing.
      if (at + 1 < rest.length) word += character + rest[++at];
      continue;
    }
    if (character === quote) quote = "";
    else if (quote === "" && (character === "'" || character === '"')) quote = character;
    word += character;
  }
  if (word !== "") words.push(word);
  return words;
}

/**
 * The strings of a JSON array; undefined where the text is none, and so is meant for the shell.
 *
 * @throws DockerfileError an array that has something else than strings
 */
export function jsonWords(rest: string, range: Range): string[] | undefined {
  if (!trimStart(rest).startsWith("[")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(rest);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.some((word) => typeof word !== "string")) {
    throw new DockerfileError(
      "when using JSON array syntax, arrays must be comprised of strings only",
      range,
    );
  }
  return value;
}
