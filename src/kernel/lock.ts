/** flock(2): locks that belong to an open file description, so that the kernel drops them with its last holder. */
import { SyscallError } from "./errors.ts";
import { check, libc } from "./ffi.ts";

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

const cFlock = libc("int flock(int fd, int operation)");

/**
 * errno(3) is read by a second call, and may be that of a call of node's own on this thread by then. So what flock(2) seems to
 * fail with, and is not that somebody holds the lock, is asked again.
 */
const ATTEMPTS = 3;

/** Locks the open file without waiting; false where another open file description holds a lock that conflicts. */
export function flock(fd: number, options: { shared?: boolean } = {}): boolean {
  for (let attempt = 1; ; attempt++) {
    try {
      check("flock", () => cFlock(fd, (options.shared ? LOCK_SH : LOCK_EX) | LOCK_NB));
      return true;
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      if (error.code === "EAGAIN" || error.code === "EWOULDBLOCK") return false;
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
