/** The wildcards of COPY and ADD's sources: Go's filepath.Match. */
import { badPattern, readClass } from "./class.ts";
import { exactly, type Glob, globOf, many, notSlash, one, type Piece } from "./match.ts";

/** Whether a path has wildcards at all. */
export function hasWildcards(path: string): boolean {
  return /^(?:[^*?[\\]|\\[\s\S])*[*?[]/.test(path);
}

/**
 * Reads a pattern of *, ?, [] and escapes, none of which matches a slash.
 *
 * @throws PatternError
 */
export function wildcardMatcher(pattern: string): Glob {
  const characters = [...pattern];
  const pieces: Piece[] = [];
  for (let at = 0; at < characters.length; ) {
    const character = characters[at] as string;
    if (character === "[") {
      const { piece, end } = readClass(characters, at);
      pieces.push(piece);
      at = end;
      continue;
    }
    pieces.push(pieceOf(character, characters[at + 1], pattern));
    at += character === "\\" ? 2 : 1;
  }
  return globOf(pieces);
}

function pieceOf(character: string, next: string | undefined, pattern: string): Piece {
  if (character === "*") return many(notSlash);
  if (character === "?") return one(notSlash);
  if (character !== "\\") return exactly(character);
  if (next === undefined) throw badPattern(pattern);
  return exactly(next);
}
