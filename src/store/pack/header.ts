/**
 * Headers of a tar archive: POSIX ustar, with a PAX extended header (pax(1), "pax Interchange Format") before it for
 * what its fields cannot hold. The same entry always gives the same bytes: there is no field for when or by whom the
 * archive was made.
 */
import type { Timespec } from "../../kernel/files.ts";
import { BLOCK } from "../unpack/tar-header.ts";
import type { TarEntryType } from "../unpack/tar-reader.ts";

export interface PackedEntry {
  readonly type: TarEntryType;
  /** Byte strings, see unpack/bytes.ts. A directory's name ends in a slash. */
  readonly name: string;
  readonly linkname: string;
  /** Permissions with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of data that follow, padded to whole blocks. */
  readonly size: number;
  readonly mtime: Timespec;
  readonly major: number;
  readonly minor: number;
  readonly xattrs?: ReadonlyMap<string, Buffer> | undefined;
}

const TYPE_FLAGS: Readonly<Record<TarEntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
/** Seven and eleven octal digits: fields of eight and twelve bytes that end in a NUL. */
const MAX_ID = 0o7777777;
const MAX_LARGE = 0o77777777777;

/** The blocks that go before an entry's data. */
export function encodeHeader(entry: PackedEntry): Buffer {
  const records = paxRecords(entry);
  if (records === "") return ustar(entry);
  const body = Buffer.from(records, "latin1");
  // Readers that do not know the format unpack it as a file of this name.
  const name = `PaxHeaders/${lastComponent(entry.name)}`.slice(0, NAME_BYTES);
  const header = ustar({ ...NO_FILE, name, size: body.length }, "x");
  return Buffer.concat([header, body, Buffer.alloc(padding(body.length)), ustar(entry)]);
}

/** Zeros that complete `size` bytes of data to whole blocks. */
export const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

/** Two blocks of zeros. */
export const END_OF_ARCHIVE: Uint8Array = new Uint8Array(2 * BLOCK);

const NO_FILE: PackedEntry = {
  type: "file",
  name: "",
  linkname: "",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
  major: 0,
  minor: 0,
};

function lastComponent(name: string): string {
  const path = name.endsWith("/") ? name.slice(0, -1) : name;
  return path.slice(path.lastIndexOf("/") + 1);
}

/** What the fields of `ustar` lack, as a byte string; sorted, so that it is always the same. */
function paxRecords(entry: PackedEntry): string {
  const { name, linkname, uid, gid, size, mtime, xattrs } = entry;
  const values: [key: string, value: string][] = [];
  if (splitName(name) === undefined) values.push(["path", name]);
  if (linkname.length > NAME_BYTES) values.push(["linkpath", linkname]);
  if (uid > MAX_ID) values.push(["uid", String(uid)]);
  if (gid > MAX_ID) values.push(["gid", String(gid)]);
  if (size > MAX_LARGE) values.push(["size", String(size)]);
  if (mtime.nanoseconds !== 0 || mtime.seconds < 0 || mtime.seconds > MAX_LARGE) {
    values.push(["mtime", decimalTime(mtime)]);
  }
  for (const [key, value] of xattrs ?? []) values.push([`SCHILY.xattr.${key}`, value.toString("latin1")]);
  return values
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => paxRecord(key, value))
    .join("");
}

/** "LENGTH KEY=VALUE\n", where the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

/** A timespec counts its nanoseconds forward: -2 s and 0.75 s are -1.25. */
function decimalTime({ seconds, nanoseconds }: Timespec): string {
  const isBefore = seconds < 0 && nanoseconds > 0;
  const whole = isBefore ? seconds + 1 : seconds;
  const fraction = isBefore ? 1e9 - nanoseconds : nanoseconds;
  const sign = isBefore && whole === 0 ? "-" : "";
  const digits = String(fraction).padStart(9, "0").replace(/0+$/, "");
  return `${sign}${whole}${digits === "" ? "" : `.${digits}`}`;
}

/** A name as the header holds it: up to 100 bytes, with up to 155 more before one of its slashes. */
function splitName(name: string): { prefix: string; name: string } | undefined {
  if (name.length <= NAME_BYTES) return { prefix: "", name };
  const slash = name.indexOf("/", name.length - NAME_BYTES - 1);
  if (slash <= 0 || slash > PREFIX_BYTES || slash === name.length - 1) return undefined;
  return { prefix: name.slice(0, slash), name: name.slice(slash + 1) };
}

function ustar(entry: PackedEntry, flag: string = TYPE_FLAGS[entry.type]): Buffer {
  const block = Buffer.alloc(BLOCK);
  // What does not fit is in the extended header, which goes before: here the beginning of a name, and zero.
  const { prefix, name } = splitName(entry.name) ?? { prefix: "", name: entry.name.slice(0, NAME_BYTES) };
  block.write(name, 0, NAME_BYTES, "latin1");
  octal(block, 100, 8, entry.mode);
  octal(block, 108, 8, entry.uid > MAX_ID ? 0 : entry.uid);
  octal(block, 116, 8, entry.gid > MAX_ID ? 0 : entry.gid);
  octal(block, 124, 12, entry.size > MAX_LARGE ? 0 : entry.size);
  octal(block, 136, 12, Math.min(Math.max(entry.mtime.seconds, 0), MAX_LARGE));
  block.write(flag, 156, "latin1");
  block.write(entry.linkname.slice(0, NAME_BYTES), 157, NAME_BYTES, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  octal(block, 329, 8, entry.major);
  octal(block, 337, 8, entry.minor);
  block.write(prefix, 345, PREFIX_BYTES, "latin1");
  checksum(block);
  return block;
}

function octal(block: Buffer, at: number, length: number, value: number): void {
  block.write(value.toString(8).padStart(length - 1, "0"), at, length - 1, "latin1");
}

/** The sum of all bytes, those of the checksum itself counted as spaces. */
function checksum(block: Buffer): void {
  block.fill(" ", 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}
