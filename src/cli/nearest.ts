/** "Did you mean …?" */
import { editDistance } from "../edit-distance.ts";

/**
 * The candidate with the fewest edits: one, or two where both words have six letters. Short words that have nothing to
 * do with each other are two edits apart ("swarm" and "start").
 */
export function nearest(written: string, candidates: readonly string[]): string | undefined {
  let best: { name: string; distance: number } | undefined;
  for (const name of candidates) {
    const distance = editDistance(written, name);
    if (distance > (Math.min(written.length, name.length) < 6 ? 1 : 2)) continue;
    if (best === undefined || distance < best.distance) best = { name, distance };
  }
  return best?.name;
}
