/** From files as they are found to entries of an archive. */
import { readLinkDescriptor } from "../../kernel/files.ts";
import { xattrsOfDescriptor } from "../../kernel/xattr.ts";
import type { TarEntryType } from "../unpack/tar-reader.ts";
import type { PackedEntry } from "./header.ts";
import type { Visited } from "./walk.ts";

/**
 * Not for other machines: the label of this one's SELinux policy, and what overlayfs notes for itself ("user." where
 * it is mounted with the option userxattr).
 */
const PRIVATE_XATTR = /^(?:security\.selinux$|(?:trusted|user)\.overlay\.)/;

/** Whether an attribute means something on another machine. */
export const isPortableXattr = (name: string): boolean => !PRIVATE_XATTR.test(name);

/** The entry of a file by the name that it is to have; undefined for a socket, which no archive can hold. */
export function entryOf({ stat, fd }: Visited, name: string): PackedEntry | undefined {
  const type = typeOf(stat);
  if (type === undefined) return undefined;
  const isDevice = type === "char" || type === "block";
  return {
    type,
    name: type === "directory" ? `${name}/` : name,
    linkname: type === "symlink" ? readLinkDescriptor(fd).toString("latin1") : "",
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === "file" ? Number(stat.size) : 0,
    mtime: {
      seconds: Number(floorDiv(stat.mtimeNs)),
      nanoseconds: Number(stat.mtimeNs - floorDiv(stat.mtimeNs) * BILLION),
    },
    ...(isDevice ? deviceNumber(stat.rdev) : { major: 0, minor: 0 }),
    xattrs: portableXattrs(fd),
  };
}

function typeOf(stat: Visited["stat"]): TarEntryType | undefined {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "char";
  if (stat.isBlockDevice()) return "block";
  if (stat.isFIFO()) return "fifo";
  return undefined;
}

const BILLION = 1_000_000_000n;

/** Whole seconds, rounded down also before 1970. */
const floorDiv = (nanoseconds: bigint): bigint =>
  nanoseconds / BILLION - (nanoseconds % BILLION < 0n ? 1n : 0n);

/** As glibc packs a dev_t: major(3). */
function deviceNumber(rdev: bigint): { major: number; minor: number } {
  return {
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  };
}

function portableXattrs(fd: number): Map<string, Buffer> | undefined {
  const xattrs = xattrsOfDescriptor(fd);
  for (const name of xattrs?.keys() ?? []) if (PRIVATE_XATTR.test(name)) xattrs?.delete(name);
  return xattrs?.size ? xattrs : undefined;
}
