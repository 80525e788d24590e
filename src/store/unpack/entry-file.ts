/** A regular file of an archive while its data arrives. */
import { closeSync, constants, ftruncateSync, openSync, writeSync } from "node:fs";
import type { RawPath } from "../../kernel/files.ts";
import { WriteBack } from "../write-back.ts";
import { applyToDescriptor, type Creation } from "./metadata.ts";
import { corrupt } from "./refusals.ts";
import type { SparseMap } from "./sparse.ts";
import type { TarEntry } from "./tar-reader.ts";

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_TRUNC } = constants;

interface OpenOptions {
  /** The permissions that it has until it is finished; by default those of the entry. */
  mode?: number;
  /** Writes into the file that is there, instead of making one. */
  existing?: boolean;
  /** It is going to be synced. */
  durable?: boolean;
}

export class EntryFile {
  readonly #entry: TarEntry;
  readonly #fd: number;
  readonly #writeBack: WriteBack | undefined;
  // Of a sparse file: where the next byte goes, and the region that it belongs to.
  #offset = 0;
  #region = 0;

  /** Makes the file; EEXIST where there is anything of its name. */
  constructor(path: RawPath, entry: TarEntry, options: OpenOptions = {}) {
    const { mode = entry.mode, existing = false, durable = false } = options;
    this.#entry = entry;
    this.#fd = openSync(path, O_WRONLY | O_NOFOLLOW | (existing ? O_TRUNC : O_CREAT | O_EXCL), mode);
    if (durable) this.#writeBack = new WriteBack(this.#fd);
  }

  /** Writes the next bytes of its data. */
  write(chunk: Buffer, start: number, end: number): void {
    const { sparse } = this.#entry;
    for (let at = start; at < end; ) {
      if (sparse === undefined) {
        at += writeSync(this.#fd, chunk, at, end - at);
      } else {
        const length = Math.min(end - at, this.#placeIn(sparse));
        const written = writeSync(this.#fd, chunk, at, length, this.#offset);
        at += written;
        this.#offset += written;
      }
    }
    this.#writeBack?.wrote(end - start);
  }

  /** Its data is complete: applies its metadata and closes it. Returns attributes that could not be set. */
  finish(creation?: Creation): string[] {
    try {
      this.#writeBack?.ended();
      if (this.#entry.sparse) ftruncateSync(this.#fd, this.#entry.sparse.size);
      return applyToDescriptor(this.#fd, this.#entry, creation);
    } finally {
      this.close();
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Moves on to where the next data belongs; returns how many bytes do. */
  #placeIn({ regions }: SparseMap): number {
    let region = regions[this.#region];
    if (region && this.#offset >= region.offset + region.length) {
      this.#region += 1;
      region = regions[this.#region];
    }
    if (region === undefined) throw corrupt("a sparse file has more data than its map");
    this.#offset = Math.max(this.#offset, region.offset);
    return region.offset + region.length - this.#offset;
  }
}
