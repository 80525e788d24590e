/** Output of the command line itself: synchronous, so that nothing is lost when the process exits. */
import { write as writeAsync, writeSync } from "node:fs";
import type { Readable } from "node:stream";

export const STDOUT = 1;
export const STDERR = 2;

/** How long to wait for a reader that shares a non-blocking descriptor with us. */
const RETRY_MS = 5;

/** Writes all of `text`; process.stdout would load the network and terminal modules for it. */
export function writeText(fd: number, text: string): void {
  for (let rest: Uint8Array = Buffer.from(text); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

/** Whether the reader of our output has gone. */
export function isBrokenPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === "EPIPE";
}

/** Copies a stream to a descriptor until it ends, at the reader's pace. */
export async function relay(source: Readable, fd: number): Promise<void> {
  for await (const chunk of source) await writeAll(fd, chunk as Buffer);
}

/** Not synchronous: while a pager waits for a key, signals must still be forwarded. */
export async function writeAll(fd: number, chunk: Buffer): Promise<void> {
  for (let rest = chunk; rest.length > 0; ) rest = rest.subarray(await writeSome(fd, rest));
}

function writeSome(fd: number, chunk: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    writeAsync(fd, chunk, (error, written) => {
      if (error === null) resolve(written);
      else if (error.code === "EAGAIN") setTimeout(resolve, RETRY_MS, 0);
      else reject(error);
    });
  });
}
