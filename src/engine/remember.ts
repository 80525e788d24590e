/**
 * What a process that starts many containers need not find out again. Other processes change the store meanwhile: only
 * what follows from contents may be remembered, by their digest or the stamp of the file that holds them.
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

/** Makes an answer that several get one that none of them can change. */
export function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}
