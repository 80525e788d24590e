/** Owners, modes, attributes and times of what was unpacked, set in the one order that keeps them all. */
import { chmodSync, chownSync, fchmodSync, fchownSync, lchownSync, mkdirSync, readFileSync } from "node:fs";
import { futimes, lutimes, type RawPath, type Timespec } from "../../kernel/files.ts";
import { removeXattr, setXattr } from "../../kernel/xattr.ts";
import { refused } from "./refusals.ts";
import type { TarEntry } from "./tar-reader.ts";

export interface Metadata {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Timespec;
  readonly atime: Timespec;
  readonly xattrs: ReadonlyMap<string, Buffer> | undefined;
}

/** chown(2): -1 as unsigned 32 bits means "leave it", so it can be nobody's id. */
const MAX_ID = 0xfffffffe;

/** Refuses metadata that would not be applied as it stands, or would speak to overlayfs in the layer's name. */
export function checkMetadata(entry: TarEntry): void {
  for (const id of [entry.uid, entry.gid]) {
    if (id < 0 || id > MAX_ID) throw refused(entry.name, `${id} is not a user or group id`);
  }
  if (entry.xattrs === undefined) return;
  for (const name of entry.xattrs.keys()) {
    if (/^(?:trusted|user)\.overlay\./.test(name)) {
      // "redirect" makes overlayfs look a directory up elsewhere, "metacopy" takes a file's data from elsewhere.
      throw refused(entry.name, `the attribute ${name} is overlayfs's own`);
    }
    if (name.includes("\0")) throw refused(entry.name, "an attribute's name contains a NUL byte");
  }
}

/** What open(2) and mkdir(2) give to a new file by themselves. */
export interface Creation {
  readonly uid: number;
  readonly gid: number;
  /** The bits that they take from the mode asked for. */
  readonly umask: number;
}

/**
 * Makes the directory of a layer such that what is created in it belongs to this process and has the mode asked for,
 * less the umask, whatever the directories above: it inherits no group from a setgid parent, no default ACL.
 */
export function makeTree(path: string): Creation {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  mkdirSync(path, { mode: 0o700 });
  removeXattr(path, "system.posix_acl_default");
  chownSync(path, uid, gid);
  chmodSync(path, 0o700);
  // process.umask() would set it to 0 for a moment, for all threads. proc_pid_status(5), Linux 4.7.
  const umask = /^Umask:\s*([0-7]+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
  return { uid, gid, umask: umask === undefined ? 0o777 : Number.parseInt(umask, 8) };
}

/**
 * Applies an open file's or directory's metadata. The owner goes first: chown(2) clears setuid bits and file
 * capabilities. The times go last: everything else changes them. What a new file has by its `creation` with the mode
 * of `of` is not set again: of a small file's cost each of these calls is a tenth.
 */
export function applyToDescriptor(fd: number, of: Metadata, creation?: Creation): string[] {
  const ownerIsRight = creation && of.uid === creation.uid && of.gid === creation.gid;
  if (!ownerIsRight) fchownSync(fd, of.uid, of.gid);
  const modeIsRight = ownerIsRight && (of.mode & (creation.umask | 0o7000)) === 0;
  if (!modeIsRight) fchmodSync(fd, of.mode);
  const dropped = applyXattrs(fd, of.xattrs);
  futimes(fd, of.atime, of.mtime);
  return dropped;
}

/**
 * The same for what must not be opened: links, which have no mode, and devices and FIFOs, where opening acts. The
 * path is one just made in a directory that nobody else can reach, so that chmod(2) has no link to follow.
 */
export function applyToPath(path: RawPath, of: Metadata, options: { isSymlink: boolean }): string[] {
  lchownSync(path, of.uid, of.gid);
  if (!options.isSymlink) chmodSync(path, of.mode);
  const dropped = applyXattrs(path, of.xattrs);
  lutimes(path, of.atime, of.mtime);
  return dropped;
}

/** Returns the names of those that this filesystem, or the kind of file, does not take. */
export function applyXattrs(
  target: number | RawPath,
  xattrs: ReadonlyMap<string, Buffer> | undefined,
): string[] {
  const dropped: string[] = [];
  for (const [name, value] of xattrs ?? []) {
    // The label of the machine that built the image means nothing to this one's SELinux policy.
    if (name === "security.selinux") continue;
    try {
      setXattr(target, name, value);
    } catch (error) {
      const { code } = error as { code?: string };
      // A file without its capabilities does not do what it is for, so only other attributes may be missing. EPERM:
      // user.* belongs on files and directories only.
      const untaken = code === "ENOTSUP" || code === "EOPNOTSUPP" || code === "EPERM";
      if (!untaken || name === "security.capability") throw error;
      dropped.push(name);
    }
  }
  return dropped;
}
