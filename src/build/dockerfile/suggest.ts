/** " (did you mean RUN?)" */

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
    const distance = editDistance(wanted, compared(option));
    if (given === option) return undefined;
    if (distance <= FARTHEST && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { option, distance };
    }
  }
  return best?.option;
}

/** Levenshtein's: how many characters to insert, remove or replace. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > FARTHEST) return FARTHEST + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
