/** Words of a Dockerfile instruction: quotes, escapes and variables, as the Dockerfile reference has them. */
import { envValue } from "./env.ts";
import { invalid } from "./image-change-error.ts";

/** Splits at spaces that are not in quotes or after a backslash; quotes stay for `expandWord`. */
export function splitWords(text: string, written: string): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string;
    if (letter === "\\" && quote !== "'") {
      word += letter + (text[++at] ?? "");
    } else if (quote === "" && /\s/.test(letter)) {
      if (word !== "") words.push(word);
      word = "";
    } else {
      if (letter === quote) quote = "";
      else if (quote === "" && (letter === '"' || letter === "'")) quote = letter;
      word += letter;
    }
  }
  if (quote !== "") throw unclosed(written, quote);
  if (word !== "") words.push(word);
  return words;
}

const VARIABLE = /^\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/;

/** Takes quotes and backslashes away and puts variables in: $NAME, ${NAME}, ${NAME:-default}, ${NAME:+instead}. */
export function expandWord(text: string, env: readonly string[], written: string): string {
  let result = "";
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string;
    const variable = quote === "'" ? null : VARIABLE.exec(text.slice(at));
    if (variable) {
      result += expansion(variable, env);
      at += variable[0].length - 1;
    } else if (letter === "\\" && quote !== "'") {
      const next = text[++at] ?? "\\";
      // Between double quotes a backslash is one unless it protects something.
      result += quote === '"' && !'"$\\'.includes(next) ? `\\${next}` : next;
    } else if (letter === quote) quote = "";
    else if (quote === "" && (letter === '"' || letter === "'")) quote = letter;
    else result += letter;
  }
  if (quote !== "") throw unclosed(written, quote);
  return result;
}

function expansion(
  [, plain, braced = "", operator, word = ""]: RegExpExecArray,
  env: readonly string[],
): string {
  const value = envValue(env, plain ?? braced) ?? "";
  if (operator === "-") return value === "" ? word : value;
  if (operator === "+") return value === "" ? "" : word;
  return value;
}

function unclosed(written: string, quote: string): Error {
  return invalid(`"${written}": a quote (${quote}) is not closed`);
}
