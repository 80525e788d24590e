/**
 * Characters as Go's package unicode counts them. JavaScript's own \s and trim() take U+FEFF for white space and
 * U+0085 for none.
 */
const SPACE = "\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const ONE = new RegExp(`^[${SPACE}]$`);
/** A run of them. */
export const SPACES = new RegExp(`[${SPACE}]+`);
const LEADING = new RegExp(`^[${SPACE}]+`);

export function isSpace(character: string): boolean {
  return character === " " || character === "\t" || ONE.test(character);
}

export function trimStart(text: string): string {
  return text.replace(LEADING, "");
}

/** By hand: a regular expression that is anchored at the end alone looks at every run of spaces to its end. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

export function trim(text: string): string {
  return trimEnd(trimStart(text));
}

/** Lines with what ends them; the last one may have none. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

export function withoutNewline(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === "\n" || line[end - 1] === "\r")) end--;
  return line.slice(0, end);
}
