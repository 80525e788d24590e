/**
 * How many characters to insert, remove, replace or exchange with their neighbour to make one word of the other:
 * Levenshtein's distance, and Damerau's exchange (as "optimal string alignment"), which is what fingers do most.
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const distance = Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      const isExchange = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(isExchange ? Math.min(distance, (before[j - 2] ?? 0) + 1) : distance);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
