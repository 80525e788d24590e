/** A layer's directory held against what its archive says. */
import { createHash, hash as hashAtOnce } from "node:crypto";
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { makedev, readLinkDescriptor } from "../../kernel/files.ts";
import { O_PATH } from "../../kernel/openat2.ts";
import { isRootless, overlayAttribute } from "../../kernel/rootless.ts";
import { xattrsOfDescriptor } from "../../kernel/xattr.ts";
import { namesIn, takeHold } from "../pack/walk.ts";
import { printable } from "../unpack/bytes.ts";
import type { Attributes, Expected, ExpectedDirectory, ExpectedFile, ExpectedTree } from "./expected-tree.ts";

export interface Differences {
  /** How many files differ. */
  count: number;
  /** The first of them, in words: `"/etc/passwd" has the mode 0600, not 0644`. */
  first: string[];
}

export interface CompareOptions {
  /** Attributes that the filesystem did not take when the layer was unpacked. */
  droppedXattrs: ReadonlySet<string>;
  /** Called now and then with the bytes of files read since. */
  onRead?: (bytes: number) => void;
}

/** Enough to see what is wrong; a layer has up to a million entries. */
const NAMED = 10;
/** Where times are the same on every filesystem: a signed 32-bit number of seconds since 1970. */
const COMMON_TIME = 2 ** 31;
const PIECE = 1024 * 1024;

export function compareTree(path: string, { root }: ExpectedTree, options: CompareOptions): Differences {
  const comparison = new Comparison(options);
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    comparison.compare(fd, { path: "", expected: root });
  } finally {
    closeSync(fd);
  }
  return comparison.differences;
}

interface Place {
  /** A byte string. */
  path: string;
  expected: Expected;
}

class Comparison {
  readonly differences: Differences = { count: 0, first: [] };
  readonly #options: CompareOptions;
  /** The inode of each file that has several names. */
  readonly #inodes = new Map<ExpectedFile, bigint>();
  #buffer: Buffer | undefined;

  constructor(options: CompareOptions) {
    this.#options = options;
  }

  /** Compares the file of an O_PATH descriptor, and all below it. */
  compare(fd: number, { path, expected }: Place): void {
    const stat = fstatSync(fd, { bigint: true });
    if (typeOf(stat) !== expected.type && !isWithheld(stat, expected)) {
      this.#note(path, `is a ${typeOf(stat)}, not a ${expected.type}`);
    } else if (expected.type === "directory") {
      this.#attributes({ fd, stat, path }, expected.entry ?? IMPLICIT, { opaque: expected.opaque });
      this.#children(fd, path, expected);
    } else if (expected.type !== "whiteout") {
      this.#file({ fd, stat, path }, expected);
    }
  }

  #children(fd: number, path: string, { children }: ExpectedDirectory): void {
    const present = new Set(namesIn(fd));
    for (const name of present)
      if (!children.has(name)) this.#note(`${path}/${name}`, "does not belong there");
    for (const [name, expected] of children) {
      const child = present.has(name) ? takeHold(fd, name) : undefined;
      if (child === undefined) {
        this.#note(`${path}/${name}`, "is missing");
        continue;
      }
      try {
        this.compare(child, { path: `${path}/${name}`, expected });
      } finally {
        closeSync(child);
      }
    }
  }

  #file(found: Found, expected: ExpectedFile): void {
    const first = this.#inodes.get(expected);
    if (first === found.stat.ino) return; // seen by another name
    if (first === undefined && expected.links > 1) this.#inodes.set(expected, found.stat.ino);
    const wrong =
      first === undefined ? identityFault(found, expected) : "is not a hard link of what it should be";
    if (wrong !== undefined) this.#note(found.path, wrong);
    else if (this.#attributes(found, expected) && expected.type === "file") this.#contents(found, expected);
  }

  /** Says whether they are as they should be. */
  #attributes({ fd, stat, path }: Found, expected: Attributes, { opaque = false } = {}): boolean {
    const mode = Number(stat.mode & 0o7777n);
    const wrong = (what: string): false => {
      this.#note(path, what);
      return false;
    };
    if (!stat.isSymbolicLink() && mode !== expected.mode)
      return wrong(`has the mode ${octal(mode)}, not ${octal(expected.mode)}`);
    if (Number(stat.uid) !== expected.uid || Number(stat.gid) !== expected.gid)
      return wrong(`belongs to ${stat.uid}:${stat.gid}, not to ${expected.uid}:${expected.gid}`);
    const seconds = expected.mtime;
    // A directory's time is that of the unpacking where no entry says another.
    if (
      expected !== IMPLICIT &&
      seconds >= 0 &&
      seconds < COMMON_TIME &&
      stat.mtimeNs / BILLION !== BigInt(seconds)
    )
      return wrong("was modified at another time than the archive says");
    const xattr = this.#differentXattr(fd, { expected: expected.xattrs, opaque });
    return xattr === undefined || wrong(`has not the extended attribute ${xattr} that it should have`);
  }

  /** The name of one that is missing, too many, or has another value. */
  #differentXattr(
    fd: number,
    { expected, opaque }: { expected: Attributes["xattrs"]; opaque: boolean },
  ): string | undefined {
    const actual = xattrsOfDescriptor(fd) ?? new Map<string, Buffer>();
    const wanted = new Map(expected);
    if (opaque) wanted.set(overlayAttribute("opaque"), Buffer.from("y"));
    for (const name of new Set([...actual.keys(), ...wanted.keys()])) {
      // The label of this machine's policy, which no layer brings.
      if (name === "security.selinux" || this.#options.droppedXattrs.has(name)) continue;
      const [is, should] = [actual.get(name), wanted.get(name)];
      if (is === undefined || should === undefined || !is.equals(should)) return name;
    }
    return undefined;
  }

  #contents({ fd, stat, path }: Found, { size, digest, regions }: ExpectedFile): void {
    if (stat.size !== BigInt(size)) this.#note(path, `has ${stat.size} bytes, not ${size}`);
    else if (this.#digest(fd, regions ?? [{ offset: 0, length: size }]) !== digest)
      this.#note(path, "has other content than the archive");
  }

  #digest(fd: number, regions: readonly { offset: number; length: number }[]): string {
    const file = openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY);
    try {
      const [only, ...more] = regions;
      if (only && more.length === 0 && only.length <= PIECE)
        return hashAtOnce("sha256", this.#read(file, only.offset, only.length), "base64");
      const hash = createHash("sha256");
      for (const { offset, length } of regions) {
        for (let done = 0; done < length; ) {
          const piece = this.#read(file, offset + done, Math.min(PIECE, length - done));
          if (piece.length === 0) break;
          hash.update(piece);
          done += piece.length;
        }
      }
      return hash.digest("base64");
    } finally {
      closeSync(file);
    }
  }

  /** At most PIECE bytes, valid until the next call. */
  #read(file: number, offset: number, length: number): Buffer {
    this.#buffer ??= Buffer.allocUnsafeSlow(PIECE);
    const count = readSync(file, this.#buffer, 0, length, offset);
    this.#options.onRead?.(count);
    return this.#buffer.subarray(0, count);
  }

  #note(path: string, what: string): void {
    this.differences.count += 1;
    if (this.differences.count <= NAMED) this.differences.first.push(`${printable(path || "/")} ${what}`);
  }
}

interface Found {
  fd: number;
  stat: BigIntStats;
  path: string;
}

const BILLION = 1_000_000_000n;

/** Of a directory that no entry describes; its time is that of the unpacking. */
const IMPLICIT: Attributes = {
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: 0,
  xattrs: undefined,
};

/** A device as an ordinary user gets it, see unpack/layer-tree.ts. */
const isWithheld = (stat: BigIntStats, { type }: { type: string }): boolean =>
  isRootless() && (type === "char" || type === "block") && stat.isFile() && stat.size === 0n;

/** What is wrong with the file itself, not with its attributes. */
function identityFault(
  { fd, stat }: Found,
  { type, links, target, major, minor }: ExpectedFile,
): string | undefined {
  if (stat.nlink !== BigInt(links)) return `has ${stat.nlink} links, not ${links}`;
  if (type === "symlink") {
    const actual = readLinkDescriptor(fd).toString("latin1");
    return actual === target ? undefined : `leads to ${printable(actual)}, not to ${printable(target)}`;
  }
  const isDevice = (type === "char" || type === "block") && !stat.isFile();
  return isDevice && stat.rdev !== makedev(major, minor) ? `is not the device ${major}:${minor}` : undefined;
}

const octal = (mode: number): string => `0${mode.toString(8).padStart(3, "0")}`;

function typeOf(stat: BigIntStats): Expected["type"] | "socket" {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return stat.rdev === 0n ? "whiteout" : "char";
  if (stat.isBlockDevice()) return "block";
  return stat.isFIFO() ? "fifo" : "socket";
}
