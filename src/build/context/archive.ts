/** Archives that are sent as contexts: told from Dockerfiles by their first bytes, and unpacked like hostile input. */
import { closeSync, constants, openSync } from "node:fs";
import { TsrunError } from "../../errors.ts";
import { O_PATH, openInRoot } from "../../kernel/openat2.ts";
import { lastId } from "../../kernel/rootless.ts";

/** A tar header has its magic at 257 (tar(5)). */
const HEAD = 512;
const USTAR_OFFSET = 257;

export interface Peeked {
  /** The first bytes, 512 where there are as many. */
  readonly head: Buffer;
  /** The whole, from the first byte on. */
  readonly whole: AsyncIterable<Buffer>;
}

/** Looks at the beginning of a stream. */
export async function peek(source: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  let ended = false;
  while (head.length < HEAD && !ended) {
    const step = await iterator.next();
    if (step.done) ended = true;
    else head = Buffer.concat([head, step.value]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    try {
      if (head.length > 0) yield head;
      if (ended) return;
      for (let step = await iterator.next(); !step.done; step = await iterator.next())
        yield Buffer.from(step.value.buffer, step.value.byteOffset, step.value.length);
    } finally {
      await iterator.return?.();
    }
  }
  return { head: head.subarray(0, HEAD), whole: whole() };
}

/** The bytes of an archive as unpackers take them: what they do not know themselves, xz and bzip2, is expanded. */
export async function* readable(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const { head, whole } = await peek(archive);
  const format = isXz(head) ? "xz" : isBzip2(head) ? "bzip2" : undefined;
  if (format === undefined) return yield* whole;
  const { openExpanderOf } = await import("../../kernel/inflate.ts");
  const { inflated } = await import("../../store/unpack/inflate.ts");
  const expander = openExpanderOf(format);
  if (expander === undefined) throw cannotExpand(format);
  yield* inflated(whole[Symbol.asyncIterator](), expander, { format });
}

function cannotExpand(format: "xz" | "bzip2"): TsrunError {
  const [library, name] = format === "xz" ? ["liblzma.so.5", "liblzma5"] : ["libbz2.so.1.0", "libbz2-1.0"];
  return new TsrunError(
    "ERR_TSRUN_ARCHIVE_INVALID",
    `it is compressed with ${format}, for which ${library} is missing`,
    {
      hint: `apt-get install ${name}, or send it compressed with gzip or zstd`,
    },
  );
}

const isXz = (head: Buffer): boolean => head.toString("latin1", 0, 6) === "\xfd7zXZ\0";
const isBzip2 = (head: Buffer): boolean => /^BZh[1-9]/.test(head.toString("latin1", 0, 4));

/** Whether bytes begin as a tar archive does, or something compressed. */
export function looksLikeArchive(head: Buffer): boolean {
  const word = head.length >= 4 ? head.readUInt32LE(0) : 0;
  if (word === 0xfd2fb528 || (word & 0xffff) === 0x8b1f) return true;
  // An archive of nothing is all zeros.
  return isXz(head) || isBzip2(head) || isTarHeader(head) || isZeros(head);
}

const isZeros = (head: Buffer): boolean => head.length >= HEAD && head.every((byte) => byte === 0);

/** By its magic, or, of one older than POSIX, by its checksum. */
export function isTarHeader(head: Buffer): boolean {
  if (head.length < HEAD) return false;
  if (head.toString("latin1", USTAR_OFFSET, USTAR_OFFSET + 5) === "ustar") return true;
  const written = Number.parseInt(head.toString("latin1", 148, 156).replace(/[\0 ]/g, ""), 8);
  const sum = head.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  return written === sum;
}

/** Unpacks into an empty directory of ours, never outside of it. Throws ERR_TSRUN_ARCHIVE_INVALID. */
export async function unpackArchive(
  archive: AsyncIterable<Uint8Array>,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { unpackInto } = await import("../../store/unpack/unpack-into.ts");
  const fd = openSync(directory, O_PATH | constants.O_DIRECTORY);
  try {
    await unpackInto(readable(archive), {
      open: (path, flags) => openInRoot(fd, path, flags),
      directory: ".",
      // They count where a RUN mounts the context, and nowhere else: it may come from who has others.
      ownerOnHost: ({ uid, gid }) => ({ uid: ownId(uid), gid: ownId(gid) }),
      signal,
    });
  } finally {
    closeSync(fd);
  }
}

/** An id that an ordinary user's containers lack is root's. */
const ownId = (id: number): number => (id <= lastId() ? id : 0);
