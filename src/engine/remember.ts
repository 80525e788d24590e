/**
 * What a process that starts many containers need not find out again: what follows from contents that are named by their
 * digest. Of the store only that may be remembered: other processes change all else meanwhile.
 */

/** A memory of the `limit` latest answers: the one that `find` gave to the same key before, or gives now. */
export function remembering<T>(limit: number): (key: string, find: () => T) => T {
  const known = new Map<string, T>();
  return (key, find) => {
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const found = find();
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size >= limit) known.delete(oldest);
    known.set(key, found);
    return found;
  };
}
