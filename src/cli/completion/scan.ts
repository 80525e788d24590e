/** Reads an unfinished command line by the parser's rules (parse.ts), but takes whatever there is. */
import type { FlagOption, ListOption, Option, OptionTable, SingleOption } from "../option-table.ts";

// biome-ignore lint/suspicious/noExplicitAny: rows of one table have parsers of different types
export type ShownOption = FlagOption | SingleOption<any> | ListOption<any>;

export interface Scan {
  positionals: string[];
  /** Options that were given, by their long names. */
  given: Set<string>;
  /** The option that the next word is the value of. */
  pending: string | undefined;
  /** The next word is no option, whatever it looks like. */
  ended: boolean;
}

export function scan(words: readonly string[], table: OptionTable, interspersed: boolean): Scan {
  const result: Scan = { positionals: [], given: new Set(), pending: undefined, ended: false };
  for (const word of words) {
    if (result.pending !== undefined) result.pending = undefined;
    else if (result.ended) result.positionals.push(word);
    else if (word === "--") result.ended = true;
    else if (word.length > 1 && word.startsWith("-")) result.pending = readOption(word, table, result.given);
    else {
      result.positionals.push(word);
      result.ended = !interspersed;
    }
  }
  return result;
}

/** The row that a long name stands for, an alias's own; undefined where it is unknown or refused. */
export function optionOf(table: OptionTable, name: string): [name: string, option: ShownOption] | undefined {
  const option = Object.hasOwn(table, name) ? (table[name] as Option) : undefined;
  if (option?.kind === "alias") return optionOf(table, option.of);
  return option === undefined || option.kind === "refused" ? undefined : [name, option];
}

/** Notes what the word gives, and returns the option that still waits for its value. */
function readOption(word: string, table: OptionTable, given: Set<string>): string | undefined {
  if (word.startsWith("--")) {
    const [written = "", ...attached] = word.slice(2).split("=");
    const [name, option] = optionOf(table, written) ?? [];
    if (name === undefined) return undefined;
    given.add(name);
    return option?.kind === "flag" || attached.length > 0 ? undefined : name;
  }
  for (let at = 1; at < word.length; at++) {
    const [name, option] = byLetter(table, word[at] as string) ?? [];
    if (name === undefined) return undefined;
    given.add(name);
    if (option?.kind !== "flag") return at + 1 === word.length ? name : undefined;
  }
  return undefined;
}

function byLetter(table: OptionTable, letter: string): [string, ShownOption] | undefined {
  const name = Object.keys(table).find((each) => (table[each] as { short?: string }).short === letter);
  return name === undefined ? undefined : optionOf(table, name);
}
