/** What a container's monitor hands on to the program that it becomes (native/monitor/main.c). */

/** The descriptor of the container's lock, undefined where the monitor had let go of it. */
export function inheritedLock(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const text = env.TSRUN_LOCK_FD ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
