/** " (did you mean RUN?)" */
import { editDistance } from "../../edit-distance.ts";

/** Edits between a typing error and what was meant, at most; BuildKit has the same limit. */
const FARTHEST = 2;

/** No word that is longer was meant to be one of ours. */
const LONGEST = 100;

/** What is appended to a message about a wrong word: the option nearest to it, or "". Case does not count. */
export function didYouMean(given: string, options: readonly string[]): string {
  const meant = nearestOf(given, options);
  return meant === undefined ? "" : ` (did you mean ${meant}?)`;
}

/** The option nearest to a word; undefined where none is near, or the word itself is one. Case does not count. */
export function nearestOf(given: string, options: Iterable<string>): string | undefined {
  return nearest(given, options, (text) => text.toLowerCase());
}

/** The same for names that differ by their case: variables. */
export function nearestVariable(given: string, options: Iterable<string>): string | undefined {
  return nearest(given, options, (text) => text);
}

function nearest(
  given: string,
  options: Iterable<string>,
  compared: (text: string) => string,
): string | undefined {
  const wanted = compared(given);
  if (wanted.length > LONGEST) return undefined;
  let best: { option: string; distance: number } | undefined;
  for (const option of options) {
    if (given === option) return undefined;
    const candidate = compared(option);
    if (Math.abs(candidate.length - wanted.length) > FARTHEST) continue;
    const distance = editDistance(wanted, candidate);
    if (distance <= FARTHEST && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { option, distance };
    }
  }
  return best?.option;
}
