/**
 * Locks between processes, on files. The kernel holds them (flock(2)) and drops each with the last descriptor of its
 * open file description: no lock outlives its holders, however they died.
 *
 * A child that inherits `lock.fd` holds the lock too. That is how a container's monitor keeps its container locked
 * after the command that started it has released its own descriptor.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { TsrunError } from "../errors.ts";
import { flock } from "../kernel/lock.ts";
import { sleep } from "../kernel/sleep.ts";

export interface Lock extends Disposable {
  readonly fd: number;
  readonly path: string;
  /**
   * Closes this process's descriptor; the lock is free unless another process inherited it. LOCK_UN is not used,
   * because it would take the lock from those too. Calling it again does nothing.
   */
  release(): void;
}

export interface LockOptions {
  /** Shared locks exclude exclusive ones only. */
  shared?: boolean;
  /** `path` is a directory that is there already (ENOENT where it is not): what it holds goes with its lock. */
  directory?: boolean;
}

/** Takes the lock on the file at `path` (made where missing, with its folder); undefined where another holds it. */
export function tryLock(path: string, options: LockOptions = {}): Lock | undefined {
  for (;;) {
    const fd = options.directory ? openSync(path, constants.O_RDONLY | constants.O_DIRECTORY) : open(path);
    let kept = false;
    try {
      if (!flock(fd, options)) return undefined;
      // Between open and flock the holder may have removed the file: what is locked then is a file that nobody
      // else will ever open.
      if (isStillAt(fd, path)) {
        kept = true;
        return held(fd, path);
      }
    } finally {
      if (!kept) closeSync(fd);
    }
  }
}

/** A lock that this process has inherited as descriptor `fd`; undefined where that is not the lock at `path`. */
export function adoptLock(fd: number, path: string): Lock | undefined {
  try {
    // Locking what is locked by this open file description already does nothing.
    return isStillAt(fd, path) && flock(fd) ? held(fd, path) : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBADF") return undefined;
    throw error;
  }
}

/**
 * Waits for the lock at `path`, polling with sleeps of 1 to 50 ms. Throws ERR_TSRUN_LOCK_TIMEOUT after `timeoutMs`
 * (by default it waits for ever), the reason of `signal` once that is aborted, and what `whileHeld` throws, which is
 * called before each sleep.
 */
export async function lock(
  path: string,
  options: LockOptions & { timeoutMs?: number; signal?: AbortSignal; whileHeld?: () => void } = {},
): Promise<Lock> {
  const { timeoutMs = Number.POSITIVE_INFINITY, signal } = options;
  const deadline = process.uptime() * 1000 + timeoutMs;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    signal?.throwIfAborted();
    const taken = tryLock(path, options);
    if (taken) return taken;
    options.whileHeld?.();
    if (process.uptime() * 1000 >= deadline) {
      throw new TsrunError("ERR_TSRUN_LOCK_TIMEOUT", `${path} is locked by another process`, {
        hint: "another tsrun command is at work on the same thing: wait for it, or look for it with `fuser`",
      });
    }
    await sleep(
      Math.min(pause, Math.max(deadline - process.uptime() * 1000, 0)),
      signal ? { signal } : {},
    ).catch(() => signal?.throwIfAborted());
  }
}

/** A holder may remove the folder together with the lock's file, again and again. */
const OPEN_ATTEMPTS = 100;

/** The Lock of a descriptor that has just been locked. */
function held(fd: number, path: string): Lock {
  let released = false;
  const release = () => {
    if (released) return;
    released = true;
    closeSync(fd);
  };
  return { fd, path, release, [Symbol.dispose]: release };
}

function open(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT;
  for (let attempt = 1; ; attempt++) {
    try {
      return openSync(path, flags, 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt > OPEN_ATTEMPTS) throw error;
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    }
  }
}

/** Whether `path` still names the open file. */
export function isStillAt(fd: number, path: string): boolean {
  const opened = fstatSync(fd);
  const named = statSync(path, { throwIfNoEntry: false });
  return named !== undefined && named.ino === opened.ino && named.dev === opened.dev;
}
