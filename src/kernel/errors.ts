import { constants } from "node:os";

/** errno numbers by name (errno(3)), for the architecture that Node runs on. */
export const ERRNO: Readonly<Record<string, number>> = constants.errno;

// Where two names share a number the first one stays: EAGAIN, not EWOULDBLOCK; ENOTSUP, not EOPNOTSUPP.
const nameOf = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** The symbolic name of an errno value, "EPERM" for 1; "errno 4242" where the number has no name here. */
export function errnoName(errno: number): string {
  return nameOf.get(errno) ?? `errno ${errno}`;
}

/** A system call that failed: which one, why, and on which path where one was involved. */
export class SyscallError extends Error {
  readonly syscall: string;
  readonly errno: number;
  /** The symbolic name, "ENOENT"; the property that node:fs errors carry too. */
  readonly code: string;
  readonly path: string | undefined;

  constructor(syscall: string, errno: number, path?: string) {
    const code = errnoName(errno);
    super(path === undefined ? `${syscall}: ${code}` : `${syscall} ${path}: ${code}`);
    this.name = "SyscallError";
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
    this.path = path;
  }
}

/** What a call has returned, which is thrown where it is -errno: as the kernel itself reports failures. */
export function checkResult(syscall: string, result: number, path?: string): number {
  if (result < 0) throw new SyscallError(syscall, -result, path);
  return result;
}

/** Makes a call that returns -errno where it fails, again where a signal interrupted it (EINTR). Throws SyscallError. */
export function check(syscall: string, call: () => number, path?: string): number {
  for (;;) {
    const result = call();
    if (result !== -constants.errno.EINTR) return checkResult(syscall, result, path);
  }
}
