/**
 * What node:fs cannot do to a file: device nodes, times to the nanosecond, syncing a whole filesystem. All of them
 * act on the named file itself and never follow a symbolic link.
 */
import { closeSync, openSync } from "node:fs";
import { check, checkResult } from "./errors.ts";
import { libc, libcAsync } from "./libc.ts";

/** A path as node:fs takes it; a Buffer where the bytes are not valid UTF-8. */
export type RawPath = string | Buffer;

/** timespec(3): seconds since the epoch, negative before it, and 0 to 999,999,999 nanoseconds. */
export interface Timespec {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** stat(2): the file type bits of a mode. */
export const S_IFMT = 0o170000;
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;

const cMknod = libc("int mknod(const char *pathname, unsigned int mode, uint64_t dev)");
const cFutimens = libc("int futimens(int fd, const void *times)");
const cUtimensat = libc("int utimensat(int dirfd, const char *pathname, const void *times, int flags)");

/** A path as a C function takes it: koffi ends strings with NUL by itself, but not buffers. */
export function cPath(path: RawPath): RawPath {
  return typeof path === "string" ? path : Buffer.concat([path, Buffer.of(0)]);
}

/** The dev_t of a device number as glibc packs it, makedev(3). */
export function makedev(major: number, minor: number): bigint {
  const [x, y] = [BigInt(major), BigInt(minor)];
  return ((x & 0xfffff000n) << 32n) | ((x & 0xfffn) << 8n) | ((y & 0xffffff00n) << 12n) | (y & 0xffn);
}

/** Makes a device or FIFO, mknod(2); `mode` is type | permissions, which the umask still reduces. */
export function mknod(path: RawPath, mode: number, device: { major: number; minor: number }): void {
  const number = makedev(device.major, device.minor);
  check("mknod", () => cMknod(cPath(path), mode, number), String(path));
}

// One struct timespec[2] for all calls of this thread: the kernel has copied it when a call returns.
const times = new BigInt64Array(4);

function fill(atime: Timespec, mtime: Timespec): BigInt64Array {
  times[0] = BigInt(atime.seconds);
  times[1] = BigInt(atime.nanoseconds);
  times[2] = BigInt(mtime.seconds);
  times[3] = BigInt(mtime.nanoseconds);
  return times;
}

/** Sets the times of an open file, futimens(3). */
export function futimes(fd: number, atime: Timespec, mtime: Timespec): void {
  const spec = fill(atime, mtime);
  check("futimens", () => cFutimens(fd, spec));
}

/** Sets the times of the file at `path` itself, symbolic link or not, utimensat(2). */
export function lutimes(path: RawPath, atime: Timespec, mtime: Timespec): void {
  const spec = fill(atime, mtime);
  check("utimensat", () => cUtimensat(AT_FDCWD, cPath(path), spec, AT_SYMLINK_NOFOLLOW), String(path));
}

const cSyncfs = libcAsync("int syncfs(int fd)");

/** Writes everything of the filesystem that `fd` is on to disk, syncfs(2), without blocking the event loop. */
export async function syncfs(fd: number): Promise<void> {
  checkResult("syncfs", await cSyncfs(fd));
}

const cSyncFileRange = libc(
  "int sync_file_range(int fd, int64_t offset, int64_t nbytes, unsigned int flags)",
);
const SYNC_FILE_RANGE_WRITE = 2;

/** Starts writing a file's bytes to disk and does not wait for it, sync_file_range(2); a hint, so it cannot fail. */
export function startWriteback(fd: number): void {
  cSyncFileRange(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

const cFadvise = libc("int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)");
const POSIX_FADV_DONTNEED = 4;

/**
 * Takes a file's first `length` bytes, more than 0, out of the page cache, as far as they are on disk: posix_fadvise(2),
 * POSIX_FADV_DONTNEED. A hint, so it cannot fail.
 */
export function dropCached(fd: number, length: number): void {
  cFadvise(fd, 0, length, POSIX_FADV_DONTNEED);
}

const cIoctl = libc("int ioctl(int fd, unsigned long op, _Inout_ int *flags)");
const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_TOPDIR_FL = 0x00020000;

/**
 * Tells ext4 that the directories made in this one have nothing to do with each other (chattr(1), attribute T): it
 * chooses a part of the disk for each by its name, which should be random. Without it everything crowds where trees
 * were just deleted, and there ext4 takes longer to find free inodes than to write the files: it does not use one
 * again within a minute of its deletion (recently_deleted(), Linux 3.12). Other filesystems do not know the
 * attribute: no error.
 */
export function markTopDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    const flags = [0];
    if (cIoctl(fd, FS_IOC_GETFLAGS, flags) < 0) return;
    cIoctl(fd, FS_IOC_SETFLAGS, [(flags[0] ?? 0) | FS_TOPDIR_FL]);
  } finally {
    closeSync(fd);
  }
}

const cReadlinkat = libc("long readlinkat(int dirfd, const char *path, uint8_t *buf, size_t size)");
const PATH_MAX = 4096;

/** The target of the symbolic link that an O_PATH descriptor refers to, in bytes: readlinkat(2), Linux 2.6.39. */
export function readLinkDescriptor(fd: number): Buffer {
  const target = Buffer.alloc(PATH_MAX);
  return target.subarray(
    0,
    check("readlinkat", () => cReadlinkat(fd, "", target, target.length)),
  );
}
