/**
 * Who may change a container. Its lock, <run>/containers/<id>/owner.lock, is held by the command that makes, starts or
 * removes it, and by its monitor for as long as it runs (the monitor inherits the command's open file description, so
 * there is no moment in between). A free lock therefore means: nobody is at work on this container and it does not
 * run under a monitor.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { adoptLock, type Lock, lock, tryLock } from "../store/locks.ts";
import { containerRunDir, type Paths } from "../store/paths.ts";

export const ownerLockPath = (paths: Paths, id: string): string =>
  join(containerRunDir(paths, id), "owner.lock");

/** Waits until the container is this process's; ERR_TSRUN_LOCK_TIMEOUT after `timeoutMs`. */
export function ownContainer(paths: Paths, id: string, timeoutMs: number): Promise<Lock> {
  return lock(ownerLockPath(paths, id), { timeoutMs });
}

/** The container's lock that this process has inherited from its monitor as descriptor `fd`, or else once it is free. */
export async function inheritContainer(
  paths: Paths,
  id: string,
  { fd, timeoutMs }: { fd: number | undefined; timeoutMs: number },
): Promise<Lock> {
  const inherited = fd === undefined ? undefined : adoptLock(fd, ownerLockPath(paths, id));
  return inherited ?? (await ownContainer(paths, id, timeoutMs));
}

/** The container's lock if it is free. */
export function tryOwnContainer(paths: Paths, id: string): Lock | undefined {
  return tryLock(ownerLockPath(paths, id));
}

/** Whether anybody owns the container now. The look is a shared lock for a moment, which owners wait out. */
export function isOwned(paths: Paths, id: string): boolean {
  if (!existsSync(ownerLockPath(paths, id))) return false;
  const free = tryLock(ownerLockPath(paths, id), { shared: true });
  free?.release();
  return free === undefined;
}
