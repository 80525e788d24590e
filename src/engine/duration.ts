/** Durations in words, as Go prints them: "1h30m0s", "1.5s", "100ms". */

const SECOND = 1_000_000_000;

/** `nanoseconds` is not negative. */
export function goDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  for (const [unit, size] of [
    ["ns", 1],
    ["µs", 1_000],
    ["ms", 1_000_000],
  ] as const)
    if (nanoseconds < Math.min(size * 1_000, SECOND)) return `${nanoseconds / size}${unit}`;
  const seconds = Math.floor(nanoseconds / SECOND);
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = `${(nanoseconds - (seconds - (seconds % 60)) * SECOND) / SECOND}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
