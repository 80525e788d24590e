/** Single files in a directory that others may write to: a name may mean another file at any moment. */
import { chmodSync, chownSync, closeSync, constants, fstatSync, openSync, unlinkSync } from "node:fs";
import { lutimes, type RawPath, S_IFBLK, S_IFCHR, S_IFIFO } from "../../kernel/files.ts";
import { O_PATH } from "../../kernel/openat2.ts";
import type { TarEntry } from "./tar-reader.ts";

const { O_NOFOLLOW } = constants;

/** Takes a file away if there is one; false where it is a mount point and may stay, to be written into instead. */
export function remove(target: RawPath, { busy = "fails" }: { busy?: "fails" | "stays" } = {}): boolean {
  try {
    unlinkSync(target);
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT") return true;
    if (code === "EBUSY" && busy === "stays") return false;
    throw error;
  }
}

/** The mode for mknod(2): nobody else's until the node is finished. */
export function nodeType({ type }: TarEntry): number {
  return (type === "char" ? S_IFCHR : type === "block" ? S_IFBLK : S_IFIFO) | 0o600;
}

/** Gives a symbolic link its owner and time. */
export function finishLink(target: RawPath, entry: TarEntry): void {
  const fd = openSync(target, O_PATH | O_NOFOLLOW);
  try {
    if (fstatSync(fd).isSymbolicLink()) chownSync(`/proc/self/fd/${fd}`, entry.uid, entry.gid);
  } finally {
    closeSync(fd);
  }
  lutimes(target, entry.atime, entry.mtime);
}

/** Gives a device or FIFO its owner, mode and time. By a descriptor: there is no chmod(2) that would not follow a link that is put in the node's place. */
export function finishNode(target: RawPath, entry: TarEntry): void {
  const fd = openSync(target, O_PATH | O_NOFOLLOW);
  try {
    const stat = fstatSync(fd);
    if (stat.isFile() || stat.isDirectory() || stat.isSymbolicLink()) return;
    chownSync(`/proc/self/fd/${fd}`, entry.uid, entry.gid);
    chmodSync(`/proc/self/fd/${fd}`, entry.mode);
  } finally {
    closeSync(fd);
  }
  lutimes(target, entry.atime, entry.mtime);
}

/** Opens a directory that may have been taken away, or exchanged for something else. */
export function openIfThere(open: () => number): number | undefined {
  try {
    return open();
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as { code?: string }).code ?? "")) return undefined;
    throw error;
  }
}
