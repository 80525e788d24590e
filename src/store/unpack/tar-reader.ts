/**
 * Reads a tar archive as it arrives. `push` takes chunks of any size and calls the sink synchronously: once per
 * entry, then for each piece of its data, then at its end. The sink sees whole entries only: PAX records, GNU long
 * names and sparse maps are already applied.
 *
 * Interpretation follows Go's archive/tar, which docker and containerd read layers with, wherever the standards
 * leave a choice: what a scanner saw in an image is what runs.
 */
import type { Timespec } from "../../kernel/files.ts";
import { type PaxRecords, parsePax, paxInteger, paxText, paxTime, paxXattrs } from "./pax.ts";
import { corrupt } from "./refusals.ts";
import {
  MAX_REGIONS,
  type SparseMap,
  sparseExtension,
  sparseFromHeader,
  sparseFromPax,
  sparseMap,
  sparsePrefixReader,
} from "./sparse.ts";
import { BLOCK, parseHeader, type TarHeader } from "./tar-header.ts";

export type TarEntryType = "file" | "directory" | "symlink" | "hardlink" | "char" | "block" | "fifo";

export interface TarEntry {
  readonly type: TarEntryType;
  /** As it stands in the archive; byte strings, see bytes.ts. */
  readonly name: string;
  readonly linkname: string;
  /** Permissions with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes that `data` will deliver. */
  readonly size: number;
  readonly mtime: Timespec;
  readonly atime: Timespec;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Buffer> | undefined;
  /** Where the data goes, if not all of it at the beginning. */
  readonly sparse: SparseMap | undefined;
}

export interface TarSink {
  entry(entry: TarEntry): void;
  /** The next bytes of the entry: `chunk[start]` up to before `chunk[end]`, valid only during the call. */
  data(chunk: Buffer, start: number, end: number): void;
  /** The entry's data is complete; also called for entries without any. */
  end(): void;
}

/** Headers that only describe the next one (PAX, long names) may be this large, as in Go's reader. */
const MAX_META = 1024 * 1024;

type Types = Record<string, TarEntryType>;
const TYPES: Types = {
  "0": "file",
  "7": "file",
  S: "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

type State = "header" | "zero" | "meta" | "sparseExtension" | "sparsePrefix" | "data" | "padding" | "over";

export class TarReader {
  readonly #sink: TarSink;
  #state: State = "header";
  /** Bytes of a block whose end has not arrived. */
  readonly #partial = Buffer.alloc(BLOCK);
  #partialLength = 0;
  /** Bytes of the present state still to come, and padding after them. */
  #remaining = 0;
  #padding = 0;
  #metaType = "";
  #meta: Buffer[] = [];
  // What the meta headers before an entry said of it.
  #pax: PaxRecords | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  #header: TarHeader | undefined;
  #sparse: { numbers: number[]; size: number } | undefined;
  #prefix: ((block: Buffer, at: number) => number[] | undefined) | undefined;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Takes the next bytes of the archive. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === "over") return;
      if (this.#state === "data" || this.#state === "meta" || this.#state === "padding") {
        const end = Math.min(at + this.#remaining, chunk.length);
        this.#bytes(chunk, at, end);
        at = end;
      } else if (this.#partialLength === 0 && chunk.length - at >= BLOCK) {
        this.#block(chunk, at);
        at += BLOCK;
      } else {
        const taken = chunk.copy(this.#partial, this.#partialLength, at, at + BLOCK - this.#partialLength);
        this.#partialLength += taken;
        at += taken;
        if (this.#partialLength === BLOCK) {
          this.#partialLength = 0;
          this.#block(this.#partial, 0);
        }
      }
    }
  }

  /** Bytes that the present entry's data still has: they may be passed over with `skip`. */
  get pending(): number {
    return this.#state === "data" ? this.#remaining : 0;
  }

  /** Goes on after the next bytes of data, at most `pending`, which the sink does not get to see. */
  skip(bytes: number): void {
    this.#remaining -= bytes;
    if (this.#remaining === 0) this.#complete();
  }

  /** The archive has ended; throws where it may not end here. Its two blocks of zeros may be missing, as in Go. */
  finish(): void {
    const betweenEntries = this.#state === "header" || this.#state === "zero" || this.#state === "over";
    const dangling = this.#pax ?? this.#longName ?? this.#longLink;
    if (!betweenEntries || this.#partialLength > 0 || dangling !== undefined) {
      throw corrupt("the tar archive is truncated");
    }
  }

  #block(block: Buffer, at: number): void {
    if (this.#state === "sparseExtension") this.#sparseExtension(block, at);
    else if (this.#state === "sparsePrefix") this.#sparsePrefix(block, at);
    else this.#headerBlock(block, at);
  }

  #headerBlock(block: Buffer, at: number): void {
    const header = parseHeader(block, at);
    if (header === undefined) {
      this.#state = this.#state === "zero" ? "over" : "zero";
      return;
    }
    if (this.#state === "zero") throw corrupt("the tar archive goes on after a block of zeros");
    if (header.size < 0) throw corrupt("a tar header has a negative size");
    if ("xgLK".includes(header.type)) this.#startMeta(header);
    else this.#startFile(header, block, at);
  }

  /** An entry itself; if a sparse map is to come, the entry starts after it. */
  #startFile(header: TarHeader, block: Buffer, at: number): void {
    this.#header = header;
    if (header.type === "S") {
      const { more, ...sparse } = sparseFromHeader(block, at);
      this.#sparse = sparse;
      if (more) this.#state = "sparseExtension";
      else this.#startEntry(header);
      return;
    }
    const major = paxInteger(this.#pax, "GNU.sparse.major");
    if (major === 1 && paxInteger(this.#pax, "GNU.sparse.minor") === 0 && TYPES[header.type] === "file") {
      this.#prefix = sparsePrefixReader();
      this.#remaining = paxInteger(this.#pax, "size") ?? header.size;
      this.#state = "sparsePrefix";
      return;
    }
    this.#startEntry(header);
  }

  #startMeta(header: TarHeader): void {
    if (header.size > MAX_META) throw corrupt("a tar extension header is larger than 1 MiB");
    this.#metaType = header.type;
    this.#meta = [];
    this.#await("meta", header.size);
  }

  #endMeta(): void {
    const body = Buffer.concat(this.#meta).toString("latin1");
    this.#meta = [];
    // "g" would apply to all that follows; docker ignores it (git archive writes one, with a comment only).
    if (this.#metaType === "x") this.#pax = parsePax(body);
    else if (this.#metaType === "L") this.#longName = upToNul(body);
    else if (this.#metaType === "K") this.#longLink = upToNul(body);
  }

  #sparseExtension(block: Buffer, at: number): void {
    const { numbers, more } = sparseExtension(block, at);
    const all = this.#sparse?.numbers ?? [];
    all.push(...numbers);
    if (all.length > 2 * MAX_REGIONS) throw corrupt("a sparse file's map has too many regions");
    if (!more) this.#startEntry(this.#header as TarHeader);
  }

  #sparsePrefix(block: Buffer, at: number): void {
    this.#remaining -= BLOCK;
    const numbers = this.#prefix?.(block, at);
    if (this.#remaining < 0) throw corrupt("a sparse file's map does not fit its data");
    if (numbers === undefined) return;
    this.#prefix = undefined;
    const size = paxInteger(this.#pax, "GNU.sparse.realsize");
    if (size === undefined) throw corrupt("a sparse file has no real size");
    this.#sparse = { numbers, size };
    this.#startEntry(this.#header as TarHeader, this.#remaining);
  }

  /** Reports the entry; `stored` is the number of bytes of data left, where a sparse map was among them. */
  #startEntry(header: TarHeader, stored?: number): void {
    const pax = this.#pax;
    const type = TYPES[header.type];
    if (type === undefined) throw corrupt(`a tar entry has the unknown type ${JSON.stringify(header.type)}`);
    const name = this.#longName ?? paxText(pax, "GNU.sparse.name") ?? paxText(pax, "path") ?? header.name;
    // V7 had no type for directories but a slash at the end.
    const isDirectory = type === "directory" || (type === "file" && name.endsWith("/"));
    // Types without data have none, whatever their size field says.
    const size = type === "file" && !isDirectory ? (stored ?? paxInteger(pax, "size") ?? header.size) : 0;
    if (size < 0) throw corrupt("a tar entry has a negative size");
    const mtime = paxTime(pax, "mtime") ?? header.mtime;
    this.#sink.entry({
      type: isDirectory ? "directory" : type,
      name,
      linkname: this.#longLink ?? paxText(pax, "linkpath") ?? header.linkname,
      mode: header.mode,
      uid: paxInteger(pax, "uid") ?? header.uid,
      gid: paxInteger(pax, "gid") ?? header.gid,
      size,
      mtime,
      atime: paxTime(pax, "atime") ?? mtime,
      major: header.major,
      minor: header.minor,
      xattrs: paxXattrs(pax),
      sparse: this.#takeSparse(size),
    });
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#await("data", size);
  }

  #takeSparse(stored: number): SparseMap | undefined {
    const given = this.#sparse;
    this.#sparse = undefined;
    if (given) return sparseMap(given.numbers, given.size, stored);
    return this.#pax && sparseFromPax(this.#pax, stored);
  }

  /** Expects `size` bytes and their padding to a whole block. */
  #await(state: "data" | "meta", size: number): void {
    this.#remaining = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    this.#state = state;
    if (size === 0) this.#complete();
  }

  #bytes(chunk: Buffer, start: number, end: number): void {
    if (this.#state === "data") this.#sink.data(chunk, start, end);
    // A copy: the chunk is the caller's again when push returns.
    else if (this.#state === "meta") this.#meta.push(Buffer.from(chunk.subarray(start, end)));
    this.#remaining -= end - start;
    if (this.#remaining === 0) this.#complete();
  }

  #complete(): void {
    if (this.#state === "data") this.#sink.end();
    else if (this.#state === "meta") this.#endMeta();
    this.#remaining = this.#padding;
    this.#padding = 0;
    this.#state = this.#remaining > 0 ? "padding" : "header";
  }
}

function upToNul(text: string): string {
  const nul = text.indexOf("\0");
  return nul < 0 ? text : text.slice(0, nul);
}
