/**
 * The patterns of ${name#pattern}, ${name%pattern} and ${name/pattern/replacement}: * and ?, as in POSIX' pattern
 * matching notation without its brackets. Neither matches a newline, as in BuildKit.
 */
import { exactly, many, matchEnds, one, type Piece } from "../glob/match.ts";

const notNewline = (character: string): boolean => character !== "\n";

/** The pieces of a pattern; undefined for an escape that is none. */
export function readPattern(pattern: string): Piece[] | undefined {
  const characters = [...pattern];
  const pieces: Piece[] = [];
  for (let at = 0; at < characters.length; at++) {
    let character = characters[at] as string;
    if (character === "*") {
      pieces.push(many(notNewline));
    } else if (character === "?") {
      pieces.push(one(notNewline));
    } else {
      if (character === "\\") {
        character = characters[++at] ?? "";
        // } and / are escaped for the sake of ${} around the pattern.
        if (!["*", "?", "\\", "}", "/"].includes(character)) return undefined;
      }
      pieces.push(exactly(character));
    }
  }
  return pieces;
}

/** The value without what the pattern matches at its start. */
export function trimPrefix(value: string, pattern: readonly Piece[], longest: boolean): string {
  const characters = [...value];
  const end = endOfMatch(pattern, characters, { longest });
  return end === undefined ? value : characters.slice(end).join("");
}

/** Without what it matches at its end. */
export function trimSuffix(value: string, pattern: readonly Piece[], longest: boolean): string {
  const characters = [...value].reverse();
  const end = endOfMatch(pattern.toReversed(), characters, { longest });
  return end === undefined ? value : characters.slice(end).reverse().join("");
}

/** With the replacement for the first match, or for all that do not overlap; the leftmost is taken at its longest. */
export function replaceMatches(
  value: string,
  pattern: readonly Piece[],
  options: { replacement: string; all: boolean },
): string {
  const characters = [...value];
  const output: string[] = [];
  let from = 0;
  let barren = 0;
  for (let at = 0; at <= characters.length; ) {
    const end = at < barren ? undefined : longestMatch(pattern, characters, at);
    if (typeof end !== "number") {
      barren = end?.until ?? barren;
    } else if (end > at || at !== from || at === 0) {
      output.push(...characters.slice(from, at), options.replacement);
      from = end;
      if (!options.all) break;
      if (end > at) {
        at = end;
        continue;
      }
    }
    at++;
  }
  return [...output, ...characters.slice(from)].join("");
}

/**
 * The end of the longest match at a place. Where a pattern with a star got beyond its star and failed, no later start
 * before the next newline can do better: `until`.
 */
function longestMatch(
  pattern: readonly Piece[],
  characters: readonly string[],
  at: number,
): number | { until: number } | undefined {
  const ends = matchEnds(pattern, characters, at);
  let longest: number | undefined;
  for (;;) {
    const next = ends.next();
    if (next.done !== true) {
      longest = next.value;
      continue;
    }
    if (longest !== undefined) return longest;
    const star = pattern.findIndex((piece) => piece.kind === "many");
    const { died } = next.value;
    return star >= 0 && died > at + star ? { until: died } : undefined;
  }
}

function endOfMatch(
  pattern: readonly Piece[],
  characters: readonly string[],
  { longest }: { longest: boolean },
): number | undefined {
  let found: number | undefined;
  for (const end of matchEnds(pattern, characters)) {
    found = end;
    if (!longest) break;
  }
  return found;
}
