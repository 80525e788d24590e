/**
 * Opening paths inside another root without ever leaving it: openat2(2), Linux 5.6. The kernel resolves the path as
 * chroot(2) would, so symbolic links of a hostile image lead to its own files, never to the host's.
 */
import { check, SyscallError } from "./errors.ts";
import { cPath, type RawPath } from "./files.ts";
import { libc } from "./libc.ts";

/** <fcntl.h> of Linux; the same on x86_64 and aarch64. Node's constants lack O_PATH and O_CLOEXEC. */
export const O_RDONLY = 0;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;

/** <linux/openat2.h> */
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;

const openat2 = libc("long openat2(int dirfd, const char *path, const uint8_t *how, size_t size)");

/** statfs(2): struct statfs has 120 bytes on 64-bit architectures, f_flags at 80. */
const fstatfs = libc("int fstatfs(int fd, uint8_t *buf)");
const STATFS_BYTES = 120;
const F_FLAGS_OFFSET = 80;
const ST_NOEXEC = 8;

/** How often a path is tried again whose directories are being renamed meanwhile: openat2(2), EAGAIN. */
const ATTEMPTS = 16;

/** Opens `path` below the directory `rootFd`, close-on-exec; the caller closes it. Throws SyscallError. */
export function openInRoot(rootFd: number, path: RawPath, flags: number = O_RDONLY): number {
  return openResolved(rootFd, path, { flags, resolve: RESOLVE_IN_ROOT });
}

/** As `openInRoot`, but a link that leads out of `directoryFd`, or is absolute, is refused: EXDEV. */
export function openBeneath(directoryFd: number, path: RawPath, flags: number = O_RDONLY): number {
  return openResolved(directoryFd, path, { flags, resolve: RESOLVE_BENEATH });
}

function openResolved(
  fd: number,
  path: RawPath,
  { flags, resolve }: { flags: number; resolve: number },
): number {
  // struct open_how { __u64 flags, mode, resolve; }
  const how = new BigUint64Array([BigInt(flags | O_CLOEXEC), 0n, BigInt(resolve | RESOLVE_NO_MAGICLINKS)]);
  const bytes = Buffer.from(how.buffer);
  for (let attempt = 1; ; attempt++) {
    try {
      return check("openat2", () => openat2(fd, cPath(path), bytes, bytes.length), String(path));
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof SyscallError) || error.code !== "EAGAIN") throw error;
    }
  }
}

/** Whether the mount that holds an open file refuses to execute its files (mount(8), noexec). */
export function isOnNoexecMount(fd: number): boolean {
  const buffer = Buffer.alloc(STATFS_BYTES);
  check("fstatfs", () => fstatfs(fd, buffer));
  return (buffer.readBigInt64LE(F_FLAGS_OFFSET) & BigInt(ST_NOEXEC)) !== 0n;
}
