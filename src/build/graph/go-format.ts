/** Values as Go prints them, which is how the history of images tells of instructions. */

/** %q of a list of strings: ["a" "b"]. */
export const goQuotedList = (words: readonly string[]): string => `[${words.map(goQuoted).join(" ")}]`;

const ESCAPES: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/**
 * strconv.Quote: what unicode.IsPrint takes for printable stays as it is, and of blanks the ASCII one alone. To compile
 * what half of Unicode is takes V8 milliseconds, which are spent only where it is asked for.
 */
function goQuoted(word: string): string {
  const quote = (each: string): string => ESCAPES[each] ?? escaped(each);
  const isPlain = !/[^ -~]/.test(word);
  return isPlain
    ? `"${word.replace(/[\\"]/g, quote)}"`
    : `"${word.replace(/[\\"]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, quote)}"`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x80) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** %v of a list of strings: [a b]. */
export const goList = (words: readonly string[]): string => `[${words.join(" ")}]`;

/** A time.Duration of nanoseconds: "1m30s", "0s", "1.5ms". */
export function goDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const seconds = nanoseconds / 1e9;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = `${Number((seconds % 60).toFixed(9))}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
