/** flock(2): locks that belong to an open file description, so that the kernel drops them with its last holder. */
import { check, SyscallError } from "./errors.ts";
import { libc } from "./libc.ts";

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

const cFlock = libc("int flock(int fd, int operation)");

/** Locks the open file without waiting; false where another open file description holds a lock that conflicts. */
export function flock(fd: number, options: { shared?: boolean } = {}): boolean {
  try {
    check("flock", () => cFlock(fd, (options.shared ? LOCK_SH : LOCK_EX) | LOCK_NB));
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.code === "EAGAIN") return false;
    throw error;
  }
}
