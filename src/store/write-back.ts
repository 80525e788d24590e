/** Writing to disk while bytes come: a sync at the end that has all of them before it takes as long as what went before. */
import { startWriteback } from "../kernel/files.ts";

/** Of a file that grows, at once. */
const PIECE = 8 * 1024 * 1024;
/** Smaller files are cheaper written all together, by the sync. */
const WORTHWHILE = 128 * 1024;

/** Of one open file. */
export class WriteBack {
  readonly #fd: number;
  #cached = 0;

  constructor(fd: number) {
    this.#fd = fd;
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
    this.#cached = 0;
  }
}
