/** `KEYWORD --flag=value … the rest` */
import { isSpace, trim } from "./text.ts";
import type { Flag } from "./types.ts";
import { splitFirst } from "./words.ts";

export interface SplitLine {
  /** As it was written. */
  readonly keyword: string;
  readonly flags: readonly Flag[];
  readonly rest: string;
}

/** The parts of a logical line. Flags end at the first word that does not begin with two dashes, or after `--`. */
export function splitLine(line: string, token: string): SplitLine {
  const trimmed = trim(line);
  const [keyword, all] = splitFirst(trimmed) ?? [trimmed, ""];
  const flags: Flag[] = [];
  let at = 0;
  for (;;) {
    while (at < all.length && isSpace(all.charAt(at))) at++;
    if (!all.startsWith("--", at)) break;
    const { word, end } = flagWord(all, at, token);
    at = end;
    if (word === "--") break;
    flags.push(readFlag(word));
  }
  return { keyword, flags, rest: trim(all.slice(at)) };
}

/** A word without its quotes and escapes. */
function flagWord(text: string, start: number, token: string): { word: string; end: number } {
  let word = "";
  let quote = "";
  let at = start;
  for (; at < text.length; at++) {
    const character = text[at] as string;
    if (quote === "" && isSpace(character)) break;
    if (character === token) {
      word += text[++at] ?? "";
    } else if (character === quote) {
      quote = "";
    } else if (quote === "" && (character === "'" || character === '"')) {
      quote = character;
    } else {
      word += character;
    }
  }
  return { word, end: Math.min(at, text.length) };
}

function readFlag(word: string): Flag {
  const equals = word.indexOf("=");
  if (equals < 0) return { name: word.slice(2), value: undefined };
  return { name: word.slice(2, equals), value: word.slice(equals + 1) };
}
