/** Options that take one of a few words. */
import { TsrunError } from "../../errors.ts";

/** The words that each of these parsers takes, for the completion of command lines. */
const choices = new WeakMap<(text: string) => unknown, readonly string[]>();

/** The words that are all a parser takes; undefined where it takes others too. */
export const knownWords = (parse: (text: string) => unknown): readonly string[] | undefined =>
  choices.get(parse);

function choosing<Parse extends (text: string) => unknown>(words: readonly string[], parse: Parse): Parse {
  choices.set(parse, words);
  return parse;
}

/**
 * A parser that takes only what tsrun does anyway (docker's `--cgroupns private`, `--restart no`); asking for
 * anything else is refused.
 */
export function only(words: readonly string[], others: string): (text: string) => string {
  return choosing(words, (text) => {
    if (words.includes(text)) return text;
    throw new TsrunError("ERR_TSRUN_OPTION_UNSUPPORTED", `${others} are not supported yet`);
  });
}

/** The engine knows what follows the words: "auto:size=N". */
export const parseUserns = choosing(["host", "remap", "auto", "keep-id"], (text: string) => text);

type Pull = "missing" | "always" | "never";

export function parsePull(text: string): Pull {
  if (text === "missing" || text === "always" || text === "never") return text;
  throw new Error(`invalid pull option: '${text}': must be one of "always", "missing" or "never"`);
}

/** The value of an option that only chooses between words. */
export function oneOf<Word extends string>(words: readonly Word[]): (text: string) => Word {
  return choosing(words, (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    throw new Error(`must be one of ${words.map((candidate) => `"${candidate}"`).join(", ")}`);
  });
}
