/**
 * The files of a tar archive, found in one pass over it and read in place afterwards. Nothing is unpacked: a file is
 * an offset and a size, a link a name. What cannot be read twice (a pipe, compressed data) is written to scratch.
 */
import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { TsrunError } from "../../errors.ts";
import { endingOnAbort, readInput } from "../../store/input-file.ts";
import type { Paths } from "../../store/paths.ts";
import { openScratch } from "../../store/scratch.ts";
import { fromPath, printable } from "../../store/unpack/bytes.ts";
import { decompress } from "../../store/unpack/decompress.ts";
import { type TarEntry, TarReader, type TarSink } from "../../store/unpack/tar-reader.ts";
import { writeFully } from "../../store/write-fully.ts";
import { type ArchiveFiles, invalidArchive, linkInside, missingFile, nameInside } from "./files.ts";

export interface OpenOptions {
  paths: Paths;
  signal?: AbortSignal | undefined;
}

const readAt = promisify(read);

const PIECE = 1024 * 1024;
const SMALL_PIECE = 32 * 1024;
/** What begins a tar archive that is not compressed: "ustar" at 257, as every writer of images has it. */
const MAGIC_AT = 257;
/** An archive of a thousand images has some ten thousand. */
const MAX_ENTRIES = 1_000_000;
const MAX_NAME = 4096;
/** Of all names and what links lead to, which are kept in memory: most names are digests, of some 80 bytes. */
const MAX_TEXT = 64 * 1024 * 1024;
/** As the kernel has it, path_resolution(7). */
const MAX_LINKS = 40;

/** The files of an archive in an open file, which is the caller's until then and goes with the result. */
export async function openTarFile(fd: number, options: OpenOptions): Promise<ArchiveFiles> {
  if (!fstatSync(fd).isFile() || !isPlainTar(fd)) {
    return await openTarStream(readInput(fd), options);
  }
  try {
    const index = await indexing((reader, index) => readHeaders(fd, { reader, index, ...options }));
    return new TarFiles(index, fd, () => closeSync(fd));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The files of an archive that comes as a stream, plain or compressed with gzip or zstd. */
export async function openTarStream(
  source: AsyncIterable<Uint8Array>,
  options: OpenOptions,
): Promise<ArchiveFiles> {
  const scratch = openScratch(options.paths);
  using _ = endingOnAbort(source, options.signal);
  try {
    const path = join(scratch.path, "archive.tar");
    const fd = openSync(path, "wx+", 0o600);
    try {
      const index = await indexing(async (reader, index) => {
        for await (const chunk of decompress(buffersOf(source))) {
          options.signal?.throwIfAborted();
          writeFully(fd, chunk, path);
          reader.push(chunk);
          index.base += chunk.length;
        }
      });
      return new TarFiles(index, fd, () => {
        closeSync(fd);
        scratch[Symbol.dispose]();
      });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } catch (error) {
    scratch[Symbol.dispose]();
    // The stream's end is only a consequence.
    options.signal?.throwIfAborted();
    throw error;
  }
}

async function indexing(read: (reader: TarReader, index: TarIndex) => Promise<void>): Promise<TarIndex> {
  const index = new TarIndex();
  const reader = new TarReader(index);
  try {
    await read(reader, index);
    reader.finish();
  } catch (error) {
    if (!(error instanceof TsrunError) || error.code !== "ERR_TSRUN_LAYER_CORRUPT") throw error;
    throw invalidArchive(error.message.replace(/, which no media type.*/, ": decompress it first"), error);
  }
  return index;
}

interface Reading {
  reader: TarReader;
  index: TarIndex;
  signal?: AbortSignal | undefined;
}

/** Reads little more of a file than its headers. */
async function readHeaders(fd: number, { reader, index, signal }: Reading): Promise<void> {
  const { size } = fstatSync(fd);
  const piece = Buffer.alloc(SMALL_PIECE);
  while (index.base < size) {
    signal?.throwIfAborted();
    const { bytesRead } = await readAt(fd, piece, 0, piece.length, index.base);
    if (bytesRead === 0) return;
    reader.push(piece.subarray(0, bytesRead));
    index.base += bytesRead;
    const rest = Math.min(reader.pending, size - index.base);
    if (rest === 0) continue;
    index.begin(0);
    reader.skip(rest);
    index.base += rest;
  }
}

interface Place {
  offset: number;
  size: number;
}

/** Names are byte strings, see bytes.ts. */
class TarIndex implements TarSink {
  /** How many bytes came before the chunk that is being read. */
  base = 0;
  readonly files = new Map<string, Place>();
  readonly links = new Map<string, string>();
  #place: Place | undefined;
  #entries = 0;
  #text = 0;

  entry(entry: TarEntry): void {
    this.#place = undefined;
    this.#entries += 1;
    if (this.#entries > MAX_ENTRIES) throw invalidArchive(`it has more than ${MAX_ENTRIES} entries`);
    for (const { length } of [entry.name, entry.linkname]) {
      if (length > MAX_NAME) throw invalidArchive(`it has a name of ${length} bytes`);
      this.#text += length;
    }
    if (this.#text > MAX_TEXT) throw invalidArchive(`its names have more than ${MAX_TEXT} bytes`);
    const name = nameInside(entry.name);
    if (entry.type === "directory") return;
    // Two files of one name are two images to two readers: some take the first, some the last.
    if (this.files.has(name) || this.links.has(name))
      throw invalidArchive(`it has two files ${printable(name)}`);
    if (entry.type === "symlink") {
      this.links.set(name, linkInside(entry.linkname, name.slice(0, name.lastIndexOf("/") + 1)));
    } else if (entry.type === "hardlink") {
      this.links.set(name, nameInside(entry.linkname));
    } else if (entry.type === "file" && entry.sparse === undefined) {
      this.#place = { offset: 0, size: entry.size };
      this.files.set(name, this.#place);
    } else {
      throw invalidArchive(`${printable(name)} is ${entry.sparse ? "a sparse file" : `a ${entry.type}`}`);
    }
  }

  data(_: Buffer, start: number): void {
    this.begin(start);
  }

  /** The entry's data begins at `start` from here, unless it has begun. */
  begin(start: number): void {
    if (this.#place !== undefined) this.#place.offset = this.base + start;
    this.#place = undefined;
  }

  end(): void {}

  find(name: string): Place | undefined {
    let key = nameInside(fromPath(name));
    for (let hops = 0; hops <= MAX_LINKS; hops++) {
      const next = this.links.get(key);
      if (next === undefined) return this.files.get(key);
      key = next;
    }
    throw invalidArchive(`${name} is a link that leads back to itself`);
  }
}

class TarFiles implements ArchiveFiles {
  readonly #index: TarIndex;
  readonly #fd: number;
  readonly #close: () => void;

  constructor(index: TarIndex, fd: number, close: () => void) {
    this.#index = index;
    this.#fd = fd;
    this.#close = close;
  }

  size(name: string): number | undefined {
    return this.#index.find(name)?.size;
  }

  async *stream(name: string): AsyncGenerator<Buffer> {
    const place = this.#index.find(name);
    if (place === undefined) throw missingFile(name);
    yield* piecesOf(this.#fd, place);
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

/** Not a ReadStream: whoever stops reading one closes its descriptor, whatever `autoClose` says. */
async function* piecesOf(fd: number, { offset, size }: Place): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    const piece = Buffer.allocUnsafeSlow(Math.min(PIECE, size - at));
    const { bytesRead } = await readAt(fd, piece, 0, piece.length, offset + at);
    if (bytesRead === 0) return; // cut short meanwhile: its digest will tell
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

function isPlainTar(fd: number): boolean {
  const magic = Buffer.alloc(5);
  readSync(fd, magic, 0, magic.length, MAGIC_AT);
  return magic.toString("latin1") === "ustar";
}

async function* buffersOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const { buffer, byteOffset, length } of source) yield Buffer.from(buffer, byteOffset, length);
}
