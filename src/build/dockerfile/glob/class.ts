/** `[a-z]`, `[^x]` of wildcards, by the rules of Go's filepath.Match. */
import { one, type Piece } from "./match.ts";

/** Raised for a pattern that is none; the caller knows where it stands. */
export class PatternError extends Error {}

export function badPattern(pattern: string): PatternError {
  return new PatternError(`syntax error in pattern ${JSON.stringify(pattern)}`);
}

/** The class that begins at `start`, and the place after its bracket. @throws PatternError */
export function readClass(pattern: readonly string[], start: number): { piece: Piece; end: number } {
  let at = start + 1;
  const negated = pattern[at] === "^";
  if (negated) at++;
  const ranges: (readonly [number, number])[] = [];
  const bound = (): number => {
    const escaped = pattern[at] === "\\";
    const character = pattern[escaped ? ++at : at++];
    if (escaped) at++;
    if (character === undefined || (!escaped && (character === "-" || character === "]"))) {
      throw badPattern(pattern.join(""));
    }
    return character.codePointAt(0) as number;
  };
  while (pattern[at] !== "]" || ranges.length === 0) {
    const first = bound();
    if (pattern[at] === "-") {
      at++;
      ranges.push([first, bound()]);
    } else ranges.push([first, first]);
  }
  if (ranges.some(([first, last]) => last < first)) throw badPattern(pattern.join(""));
  const passes = (character: string): boolean => {
    const code = character.codePointAt(0) as number;
    return ranges.some(([first, last]) => code >= first && code <= last) !== negated;
  };
  return { piece: one(passes), end: at + 1 };
}
