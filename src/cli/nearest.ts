/** "Did you mean …?" */

/** The candidate with the fewest edits (at most two, and fewer than half of its letters), or undefined. */
export function nearest(written: string, candidates: readonly string[]): string | undefined {
  let best: { name: string; distance: number } | undefined;
  for (const name of candidates) {
    const distance = editDistance(written, name);
    if (distance > 2 || distance * 2 > name.length) continue;
    if (best === undefined || distance < best.distance) best = { name, distance };
  }
  return best?.name;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(substituted, (above[j] as number) + 1, (row[j - 1] as number) + 1);
    }
  }
  return row[b.length] as number;
}
