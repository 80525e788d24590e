/** Looking at files as a container sees them, from outside: what diagnoseExec() asks its questions of. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { SyscallError } from "../kernel/errors.ts";
import { isOnNoexecMount, O_PATH, openInRoot } from "../kernel/openat2.ts";

export interface FileFacts {
  kind: "file" | "directory" | "other";
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** The mount it is on refuses to execute files. */
  noexec: boolean;
}

export interface RootProbe {
  /** Facts about what a path leads to, symbolic links followed; undefined where it leads to nothing. */
  stat(path: string): FileFacts | undefined;
  /** Up to `length` bytes at `offset`; undefined where the path is no readable file. */
  read(path: string, length: number, offset?: number): Buffer | undefined;
}

/**
 * A probe of the root directory at a host path: `/proc/<pid>/root` of a process inside the container, whose mounts
 * it then sees too, or a mounted root filesystem. Dispose of it when done.
 */
export function openRootProbe(root: string): RootProbe & Disposable {
  const rootFd = openSync(root, O_PATH);
  return {
    stat: (path) => withFile(rootFd, path, factsOf),
    read: (path, length, offset = 0) => withFile(rootFd, path, (fd) => readRange(fd, length, offset)),
    [Symbol.dispose]: () => closeSync(rootFd),
  };
}

function withFile<T>(rootFd: number, path: string, use: (fd: number) => T): T | undefined {
  let fd: number;
  try {
    fd = openInRoot(rootFd, path, O_PATH);
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function factsOf(fd: number): FileFacts {
  const stats = fstatSync(fd);
  const kind = stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other";
  const { uid, gid, size } = stats;
  return { kind, mode: stats.mode & 0o7777, uid, gid, size, noexec: isOnNoexecMount(fd) };
}

/** Opened only where it is a regular file: to open a device of the image's would be to use one of the host's. */
function readRange(held: number, length: number, offset: number): Buffer | undefined {
  if (!fstatSync(held).isFile()) return undefined;
  const fd = openSync(`/proc/self/fd/${held}`, constants.O_RDONLY);
  try {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
  } finally {
    closeSync(fd);
  }
}
