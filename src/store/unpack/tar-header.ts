/**
 * The 512-byte header of a tar entry, tar(5): V7, POSIX ustar and GNU.
 *
 * Not node-tar's Header: that one reads device numbers from POSIX headers only (GNU tar writes its own format by
 * default), decodes names as UTF-8 whatever they are, and rounds times to milliseconds.
 */
import type { Timespec } from "../../kernel/files.ts";
import { corrupt } from "./refusals.ts";

export const BLOCK = 512;

export interface TarHeader {
  /** Byte strings, see bytes.ts. */
  readonly name: string;
  readonly linkname: string;
  /** The type flag, "0" for a regular file; V7's NUL is "0" too. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes that follow in the archive. */
  readonly size: number;
  readonly mtime: Timespec;
  readonly major: number;
  readonly minor: number;
}

const NUL = 0;
const SPACE = 0x20;
const ZERO = 0x30;

/** Reads the header at `block[at]`; undefined for a block of zeros, which ends an archive. */
export function parseHeader(block: Buffer, at: number): TarHeader | undefined {
  const sum = checksums(block, at);
  if (sum.unsigned === 8 * SPACE && isZero(block, at)) return undefined;
  const stored = number(block, at + 148, 8);
  if (stored !== sum.unsigned && stored !== sum.signed)
    throw corrupt("not a tar archive: a header has a bad checksum");

  const ustar = block.toString("latin1", at + 257, at + 263);
  const extended = ustar === "ustar\0" || ustar === "ustar ";
  // GNU tar keeps times and a sparse map where POSIX has the prefix of long names.
  const prefix = ustar === "ustar\0" ? text(block, at + 345, 155) : "";
  const name = text(block, at, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkname: text(block, at + 157, 100),
    type: block[at + 156] === NUL ? "0" : block.toString("latin1", at + 156, at + 157),
    mode: number(block, at + 100, 8) & 0o7777,
    uid: number(block, at + 108, 8),
    gid: number(block, at + 116, 8),
    size: number(block, at + 124, 12),
    mtime: { seconds: number(block, at + 136, 12), nanoseconds: 0 },
    major: extended ? number(block, at + 329, 8) : 0,
    minor: extended ? number(block, at + 337, 8) : 0,
  };
}

/** A field of text: up to the first NUL, or the whole field. */
export function text(block: Buffer, at: number, length: number): string {
  let end = at;
  while (end < at + length && block[end] !== NUL) end += 1;
  return block.toString("latin1", at, end);
}

/**
 * A field of a number: octal digits between spaces and NULs, or where the first bit is set a big-endian two's
 * complement number of the remaining bits (GNU's base-256, for what octal cannot hold).
 */
export function number(block: Buffer, at: number, length: number): number {
  const first = block[at] as number;
  if (first & 0x80) return base256(block, at, length);
  let value = 0;
  let digits = 0;
  for (let i = at; i < at + length; i++) {
    const byte = block[i] as number;
    if (byte >= ZERO && byte < ZERO + 8) {
      value = value * 8 + (byte - ZERO);
      digits += 1;
    } else if (byte !== SPACE && byte !== NUL) {
      throw corrupt("not a tar archive: a header has a number that is not octal");
    } else if (digits > 0) break;
  }
  return value;
}

function base256(block: Buffer, at: number, length: number): number {
  const first = block[at] as number;
  let value = first & 0x40 ? (first | 0x80) - 0x100 : first & 0x3f;
  for (let i = at + 1; i < at + length; i++) value = value * 256 + (block[i] as number);
  if (!Number.isSafeInteger(value)) throw corrupt("a tar header has a number beyond 2^53");
  return value;
}

/** The sum of all bytes with the checksum field as spaces; some old tars summed signed characters. */
function checksums(block: Buffer, at: number): { unsigned: number; signed: number } {
  let unsigned = 8 * SPACE;
  let high = 0;
  for (let i = at; i < at + BLOCK; i++) {
    if (i === at + 148) i += 8;
    const byte = block[i] as number;
    unsigned += byte;
    high += byte >> 7;
  }
  return { unsigned, signed: unsigned - high * 256 };
}

function isZero(block: Buffer, at: number): boolean {
  for (let i = at + 148; i < at + 156; i++) if (block[i] !== NUL) return false;
  return true;
}
