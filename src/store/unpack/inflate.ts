/** Inflating ahead of the reader, in memory that is used over and over. */
import type { Inflater } from "../../kernel/inflate.ts";
import { corrupt } from "./refusals.ts";

/**
 * What is handed on at once, and how many such are inflated before they are asked for. A call wakes two threads, which
 * takes as long as inflating some ten kilobytes.
 */
const CHUNK = 512 * 1024;
const CHUNKS = 4;

/**
 * Inflates a file of one member or several, up to what is none. A chunk is to be used before the next is asked
 * for, and a piece of the source is its own again when it is asked for the next. Errors of `source` pass through.
 * `onEnd` is called when all has come out, before the inflater is closed.
 */
export async function* inflated(
  source: AsyncIterator<Uint8Array>,
  inflater: Inflater,
  { format = "gzip", onEnd }: { format?: string; onEnd?: () => void } = {},
): AsyncGenerator<Buffer> {
  const stream = new InflatedStream(source, inflater, format);
  // One call after the other.
  let last: Promise<unknown> = Promise.resolve();
  const fill = (memory: ArrayBuffer): Promise<Buffer> => {
    const filled = last.then(() => stream.fill(Buffer.from(memory)));
    // Whoever reads that far meets the error; the reader may have left before.
    last = filled.catch(() => undefined);
    return filled;
  };
  const coming = Array.from({ length: CHUNKS }, () => fill(new ArrayBuffer(CHUNK)));
  try {
    for (let next = coming.shift(); next !== undefined; next = coming.shift()) {
      const chunk = await next;
      if (chunk.length === 0) {
        onEnd?.();
        return;
      }
      yield chunk;
      coming.push(fill(chunk.buffer as ArrayBuffer));
    }
  } finally {
    stream.stop();
    // Not awaited: the source may be waiting for its network.
    void last.then(() => inflater.close());
  }
}

class InflatedStream {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #inflater: Inflater;
  readonly #format: string;
  #piece: Uint8Array = new Uint8Array();
  /** The output was full: the inflater may hold more, without more input. */
  #full = false;
  #complete = false;
  #ended = false;

  constructor(source: AsyncIterator<Uint8Array>, inflater: Inflater, format: string) {
    this.#source = source;
    this.#inflater = inflater;
    this.#format = format;
  }

  /** Fills the chunk; what is shorter is the last one. */
  async fill(chunk: Buffer): Promise<Buffer> {
    let length = 0;
    while (length < chunk.length && !this.#ended) {
      if (this.#piece.length === 0 && !this.#full) await this.#receive();
      if (this.#ended) break;
      try {
        const { read, written, complete, ended } = await this.#inflater.inflate(
          this.#piece,
          chunk.subarray(length),
        );
        this.#piece = this.#piece.subarray(read);
        length += written;
        this.#full = length === chunk.length;
        this.#complete = complete;
        this.#ended ||= ended;
      } catch (error) {
        throw this.#damaged(error);
      }
    }
    return chunk.subarray(0, length);
  }

  /** Nothing more is read. */
  stop(): void {
    this.#ended = true;
  }

  async #receive(): Promise<void> {
    const step = await this.#source.next();
    if (!step.done) this.#piece = step.value;
    else if (this.#complete) this.#ended = true;
    else throw this.#damaged();
  }

  #damaged(cause?: unknown): Error {
    return corrupt(`its ${this.#format} data is damaged or truncated`, cause);
  }
}
