/** "Did you mean …?" */
import { editDistance } from "../edit-distance.ts";

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
