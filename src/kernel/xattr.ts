/** Extended attributes, xattr(7): of an open file, or of the file at a path itself (no symbolic link is followed). */
import { check } from "./errors.ts";
import { cPath, type RawPath } from "./files.ts";
import { libc } from "./libc.ts";

const cLsetxattr = libc(
  "int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)",
);
const cFsetxattr = libc("int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)");
// koffi has no ssize_t; it is a long wherever Linux runs Node.
const cLgetxattr = libc("long lgetxattr(const char *path, const char *name, void *value, size_t size)");
const cFgetxattr = libc("long fgetxattr(int fd, const char *name, void *value, size_t size)");
const cLlistxattr = libc("long llistxattr(const char *path, void *list, size_t size)");

const cLremovexattr = libc("int lremovexattr(const char *path, const char *name)");

/** The largest value and the largest list of names that the kernel hands out, xattr(7) and <linux/limits.h>. */
const XATTR_SIZE_MAX = 65536;

/** Sets (creates or replaces) one attribute; `target` is a descriptor or a path. */
export function setXattr(target: number | RawPath, name: string, value: Uint8Array): void {
  if (typeof target === "number") {
    check("fsetxattr", () => cFsetxattr(target, name, value, value.length, 0));
  } else {
    check("lsetxattr", () => cLsetxattr(cPath(target), name, value, value.length, 0), String(target));
  }
}

/** The value of one attribute; undefined where the file has none of that name or its filesystem has no such kind. */
export function getXattr(target: number | RawPath, name: string): Buffer | undefined {
  const value = Buffer.alloc(XATTR_SIZE_MAX);
  const call =
    typeof target === "number"
      ? () => cFgetxattr(target, name, value, value.length)
      : () => cLgetxattr(cPath(target), name, value, value.length);
  try {
    const path = typeof target === "number" ? undefined : String(target);
    return value.subarray(0, check(typeof target === "number" ? "fgetxattr" : "lgetxattr", call, path));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "ENODATA" || code === "ENOTSUP";
}

/** Removes one attribute; no error where the file has none of that name or its filesystem has no such kind. */
export function removeXattr(path: RawPath, name: string): void {
  try {
    check("lremovexattr", () => cLremovexattr(cPath(path), name), String(path));
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

/** The names of all attributes of the file at `path`. */
export function listXattrs(path: RawPath): string[] {
  const names = Buffer.alloc(XATTR_SIZE_MAX);
  const size = check("llistxattr", () => cLlistxattr(cPath(path), names, names.length), String(path));
  return names.toString("utf8", 0, size).split("\0").filter(Boolean);
}

const cListxattr = libc("long listxattr(const char *path, void *list, size_t size)");
const cGetxattr = libc("long getxattr(const char *path, const char *name, void *value, size_t size)");
/** Most files have none: one buffer serves all of them. */
let scratch: Buffer | undefined;

/**
 * All attributes of the file that a descriptor refers to, in the order of their names; undefined where it has none.
 * The descriptor may be one that only names the file (O_PATH), a symbolic link's too: fgetxattr(2) refuses those,
 * but a lookup of /proc/self/fd/N ends at that very file.
 */
export function xattrsOfDescriptor(fd: number): Map<string, Buffer> | undefined {
  return xattrsOf(`/proc/self/fd/${fd}`);
}

/** The same of the file that a path leads to; a symbolic link at its end is followed. */
export function xattrsOf(file: RawPath): Map<string, Buffer> | undefined {
  scratch ??= Buffer.allocUnsafeSlow(XATTR_SIZE_MAX);
  const buffer = scratch;
  const path = cPath(file);
  const size = unlessAbsent(() => check("listxattr", () => cListxattr(path, buffer, buffer.length)));
  if (!size) return undefined;
  const names = buffer.toString("latin1", 0, size).split("\0").filter(Boolean).sort();
  const found = new Map<string, Buffer>();
  for (const name of names) {
    const raw = Buffer.from(`${name}\0`, "latin1");
    const length = unlessAbsent(() => check("getxattr", () => cGetxattr(path, raw, buffer, buffer.length)));
    if (length !== undefined) found.set(name, Buffer.from(buffer.subarray(0, length)));
  }
  return found;
}

function unlessAbsent<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
