/** Reading what a user names: a file, or a FIFO that nobody may ever write to. */
import { constants, createReadStream, fstatSync, openSync, statSync } from "node:fs";
import { Socket } from "node:net";
import { Readable } from "node:stream";

const { O_RDONLY, O_NONBLOCK } = constants;
const PIECE = 1024 * 1024;

/** Opens it at once. Of a FIFO, open(2) would wait for a writer, and no signal be served meanwhile: fifo(7). */
export function openInput(path: string): number {
  return openSync(path, statSync(path).isFIFO() ? O_RDONLY | O_NONBLOCK : O_RDONLY);
}

/** Its bytes; closes it. A FIFO is waited for by the event loop, since a thread of the pool could not be called off. */
export function readInput(fd: number): Readable {
  if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
  return createReadStream("", { fd, highWaterMark: PIECE });
}

/** Ends a stream that waits for its writer, a pipe's reading end, as soon as the signal is aborted. */
export function endingOnAbort(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Disposable {
  const end = () => {
    if (source instanceof Readable) source.destroy(signal?.reason);
  };
  signal?.addEventListener("abort", end, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener("abort", end) };
}
