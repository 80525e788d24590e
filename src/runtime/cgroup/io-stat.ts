/** Sums the first group of each match: the counters that io.stat and its v1 counterparts keep for each device. */
export function sumOverDevices(text: string | undefined, pattern: RegExp): number | undefined {
  if (text === undefined) return undefined;
  let sum = 0;
  for (const match of text.matchAll(pattern)) sum += Number(match[1]);
  return sum;
}
