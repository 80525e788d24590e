/** Unpacks a layer in another thread, so that several layers use all cores and the event loop stays free. */
import type { MessagePort, Worker } from "node:worker_threads";
import { TsrunError } from "../errors.ts";
import type { Assignment, FromWorker, Outcome, ToWorker } from "./layer-worker.ts";
import type { Unpacked, UnpackJob } from "./unpack/pipeline.ts";
import { leaseThread } from "./worker-pool.ts";

/** What crosses at once, and how many such pieces a layer has, over and over the same: 2 MiB of memory. */
const PIECE = 512 * 1024;
const PIECES = 4;

/** As unpackLayer, in a worker thread. */
export async function unpackInWorker(job: UnpackJob, source: AsyncIterable<Uint8Array>): Promise<Unpacked> {
  const { MessageChannel } = await import("node:worker_threads");
  using lease = await leaseThread();
  const { port1: port, port2 } = new MessageChannel();
  const pieces = new Pieces();
  using answer = outcomeOf(lease.worker, port, pieces);
  const { outcome } = answer;
  lease.worker.postMessage({ job, port: port2 } satisfies Assignment, [port2]);
  const iterator = source[Symbol.asyncIterator]();
  try {
    // The worker may fail while the source is waiting for its network.
    await Promise.race([send(iterator, port, pieces), outcome]);
  } catch (error) {
    port.postMessage("abort" satisfies ToWorker);
    // Once it has answered, it no longer writes to the files that the caller is going to remove.
    await outcome.catch(() => undefined);
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
    throw error;
  }
  return await outcome;
}

/** The memory that pieces cross in. Made anew for each it would be garbage of the blob's size. */
class Pieces {
  readonly #free: ArrayBuffer[] = [];
  #made = 0;
  #wake = () => {};

  async take(): Promise<Uint8Array<ArrayBuffer>> {
    for (;;) {
      const free = this.#free.pop();
      if (free) return new Uint8Array(free);
      if (this.#made < PIECES) {
        this.#made += 1;
        return new Uint8Array(PIECE);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  giveBack(piece: ArrayBuffer): void {
    this.#free.push(piece);
    this.#wake();
  }
}

/** Copies the source into pieces that are transferred, not cloned: HTTP bodies come in small slices of shared buffers. */
async function send(iterator: AsyncIterator<Uint8Array>, port: MessagePort, pieces: Pieces): Promise<void> {
  let piece = await pieces.take();
  let length = 0;
  const flush = () => port.postMessage(piece.subarray(0, length) satisfies ToWorker, [piece.buffer]);
  for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
    for (let at = 0; at < step.value.length; ) {
      const part = step.value.subarray(at, at + PIECE - length);
      piece.set(part, length);
      length += part.length;
      at += part.length;
      if (length < PIECE) continue;
      flush();
      piece = await pieces.take();
      length = 0;
    }
  }
  if (length > 0) flush();
  port.postMessage("end" satisfies ToWorker);
}

/** What the thread answers, or how it came to its own end first; to be disposed of when that is known. */
function outcomeOf(
  worker: Worker,
  port: MessagePort,
  pieces: Pieces,
): Disposable & { outcome: Promise<Unpacked> } {
  const { promise, resolve, reject } = Promise.withResolvers<Unpacked>();
  // Awaited by the caller, but maybe not before the worker fails.
  promise.catch(() => undefined);
  const onExit = (code: number) => reject(new Error(`the thread that unpacks layers ended early (${code})`));
  worker.on("error", reject);
  worker.on("exit", onExit);
  port.on("message", (message: FromWorker) => {
    if (message instanceof ArrayBuffer) pieces.giveBack(message);
    else settle(message, resolve, reject);
  });
  return {
    outcome: promise,
    [Symbol.dispose]() {
      worker.off("error", reject);
      worker.off("exit", onExit);
      port.close();
    },
  };
}

function settle(
  outcome: Outcome,
  resolve: (unpacked: Unpacked) => void,
  reject: (error: Error) => void,
): void {
  if ("unpacked" in outcome) {
    resolve(outcome.unpacked);
  } else if ("refusal" in outcome) {
    const { code, message, hint, cause } = outcome.refusal;
    reject(new TsrunError(code, message, { ...(hint === undefined ? {} : { hint }), cause }));
  } else {
    reject(new Error(outcome.bug));
  }
}
