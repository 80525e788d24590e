/** Writing to disk while bytes come: a sync at the end that has all of them before it takes as long as what went before. */
import { dropCached, startWriteback } from "../kernel/files.ts";

/** Of a file that grows, at once. */
const PIECE = 4 * 1024 * 1024;
/** Smaller files are cheaper written all together, by the sync. */
const WORTHWHILE = 128 * 1024;

/** Of one open file. */
export class WriteBack {
  readonly #fd: number;
  readonly #isKept: boolean;
  /** Bytes that are not on their way yet, and bytes before those. */
  #cached = 0;
  #started = 0;

  /**
   * `isKept`: whether the kernel should keep the bytes in memory, for somebody who reads them soon. Else the memory serves
   * for what comes next.
   */
  constructor(fd: number, { isKept = true }: { isKept?: boolean } = {}) {
    this.#fd = fd;
    this.#isKept = isKept;
  }

  /** So many bytes have been written to it. */
  wrote(bytes: number): void {
    this.#cached += bytes;
    if (this.#cached >= PIECE) this.#start();
  }

  /** Its last byte has been written. */
  ended(): void {
    if (this.#cached >= WORTHWHILE) this.#start();
  }

  #start(): void {
    startWriteback(this.#fd);
    // What is under way now is on disk when the next piece is.
    if (!this.#isKept && this.#started > 0) dropCached(this.#fd, this.#started);
    this.#started += this.#cached;
    this.#cached = 0;
  }
}
