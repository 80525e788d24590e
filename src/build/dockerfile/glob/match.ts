/**
 * Wildcards, matched as an automaton is run: all places of the pattern at once, so that no pattern takes longer than
 * its length times the text's. What is left to regular expressions with several stars in a row is minutes.
 */

/** One piece of a pattern. */
export type Piece =
  | { readonly kind: "character"; readonly character: string }
  /** One character that passes. */
  | { readonly kind: "one"; readonly passes: (character: string) => boolean }
  /** Any number of those. */
  | { readonly kind: "many"; readonly passes: (character: string) => boolean }
  /** Nothing, or anything that ends in a slash. */
  | { readonly kind: "directories" };

export const exactly = (character: string): Piece => ({ kind: "character", character });
export const one = (passes: (character: string) => boolean): Piece => ({ kind: "one", passes });
export const many = (passes: (character: string) => boolean): Piece => ({ kind: "many", passes });
export const directories: Piece = { kind: "directories" };

export const anything = (): boolean => true;
export const notSlash = (character: string): boolean => character !== "/";

/**
 * The ends of all matches that begin at `from`, in ascending order; positions count characters. `died` of the result
 * is where the last possibility ended.
 */
export function* matchEnds(
  pieces: readonly Piece[],
  text: readonly string[],
  from = 0,
): Generator<number, { died: number }> {
  const accept = pieces.length;
  let active = new Uint8Array(accept + 1);
  enter(pieces, active, 0);
  for (let at = from; ; at++) {
    if (active[accept] === 1) yield at;
    if (at >= text.length) return { died: at };
    const next = step(pieces, active, text[at] as string);
    if (next === undefined) return { died: at };
    active = next;
  }
}

/** A pattern that all of a text is held against. */
export interface Glob {
  matches(text: string): boolean;
  /** Whether some text with this beginning matches, this one included. */
  mayMatchBelow(beginning: string): boolean;
}

export function globOf(pieces: readonly Piece[]): Glob {
  // Most texts differ from a pattern in what it begins or ends with.
  const head = literalOf(pieces);
  const tail = [...literalOf(pieces.toReversed())].reverse().join("");
  const ends = (text: string): { matched: boolean; died: number; length: number } => {
    const characters = [...text];
    const found = matchEnds(pieces, characters);
    let matched = false;
    for (;;) {
      const next = found.next();
      if (next.done === true) return { matched, died: next.value.died, length: characters.length };
      matched = next.value === characters.length;
    }
  };
  return {
    matches: (text) => text.startsWith(head) && text.endsWith(tail) && ends(text).matched,
    mayMatchBelow(beginning) {
      const { died, length } = ends(beginning);
      return died === length;
    },
  };
}

/** The characters that every match begins with. */
function literalOf(pieces: readonly Piece[]): string {
  let literal = "";
  for (const piece of pieces) {
    if (piece.kind !== "character") break;
    literal += piece.character;
  }
  return literal;
}

/** The places after one character; undefined where there are none. */
function step(
  pieces: readonly Piece[],
  active: Uint8Array,
  character: string,
): Uint8Array<ArrayBuffer> | undefined {
  const next = new Uint8Array(active.length);
  let alive = false;
  for (let place = 0; place < pieces.length; place++) {
    if (active[place] === 0) continue;
    const piece = pieces[place] as Piece;
    if (piece.kind === "directories") {
      // In the middle of a name: what follows can be entered after its slash only.
      next[place] = 1;
      if (character === "/") enter(pieces, next, place + 1);
    } else if (passes(piece, character)) {
      enter(pieces, next, piece.kind === "many" ? place : place + 1);
    } else continue;
    alive = true;
  }
  return alive ? next : undefined;
}

function passes(piece: Exclude<Piece, { kind: "directories" }>, character: string): boolean {
  return piece.kind === "character" ? piece.character === character : piece.passes(character);
}

/** Arrives at a place, and at those after it that need no character to get to. */
function enter(pieces: readonly Piece[], places: Uint8Array, first: number): void {
  for (let place = first; places[place] !== 1; place++) {
    places[place] = 1;
    const piece = pieces[place];
    if (piece?.kind !== "many" && piece?.kind !== "directories") return;
  }
}
