/**
 * The directories that RUN --mount=type=cache keeps from one build to the next. Each is locked by the builds that are at
 * work with it; a prune removes one only while it holds its lock alone.
 */
import { mkdirSync } from "node:fs";
import { type Lock, type LockOptions, lock, tryLock } from "./locks.ts";

/** undefined where a build has it, or another command has just removed it. */
export function tryCacheMount(path: string, options: LockOptions = {}): Lock | undefined {
  try {
    return tryLock(path, { ...options, directory: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export function isCacheMountInUse(path: string): boolean {
  using free = tryCacheMount(path);
  return free === undefined;
}

/** Waits for it; it is made where it is missing, also where a prune takes it away meanwhile. */
export async function lockCacheMount(
  path: string,
  options: LockOptions & { signal: AbortSignal },
): Promise<Lock> {
  for (;;) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    try {
      return await lock(path, { ...options, directory: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}
