/** Unpacks a layer in a thread of its own, so that several layers use all cores and the event loop stays free. */
import { existsSync } from "node:fs";
import type { Worker } from "node:worker_threads";
import { TsrunError } from "../errors.ts";
import type { FromWorker, Outcome, ToWorker } from "./layer-worker.ts";
import type { Unpacked, UnpackJob } from "./unpack/pipeline.ts";

/** What crosses at once, and how many such pieces may be under way: 1 MiB of memory for each layer. */
const PIECE = 256 * 1024;
const WINDOW = 4;

/** As unpackLayer, in a worker thread. */
export async function unpackInWorker(job: UnpackJob, source: AsyncIterable<Uint8Array>): Promise<Unpacked> {
  const { Worker } = await import("node:worker_threads");
  // Without the flags of this process: a library's host may run with --input-type or --require, say.
  const worker = new Worker(workerEntry(), { workerData: job, execArgv: [] });
  const credit = new Credit(WINDOW);
  const outcome = outcomeOf(worker, credit);
  // Handled below, but maybe not before the worker fails.
  outcome.catch(() => undefined);
  const iterator = source[Symbol.asyncIterator]();
  try {
    // The worker may fail while the source is waiting for its network.
    await Promise.race([send(iterator, worker, credit), outcome]);
  } catch (error) {
    worker.postMessage("abort" satisfies ToWorker);
    // Once it has answered, it no longer writes to the files that the caller is going to remove.
    await outcome.catch(() => undefined);
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
    throw error;
  }
  return outcome;
}

/** The entry file of the worker: layer-worker.cjs beside the bundle, layer-worker.ts beside this source. */
function workerEntry(): URL {
  const built = new URL("layer-worker.cjs", import.meta.url);
  return existsSync(built) ? built : new URL("layer-worker.ts", import.meta.url);
}

/** Pieces that may be sent before the worker has taken earlier ones. */
class Credit {
  #left: number;
  #wake = () => {};

  constructor(pieces: number) {
    this.#left = pieces;
  }

  add(): void {
    this.#left += 1;
    this.#wake();
  }

  async take(): Promise<void> {
    while (this.#left <= 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#left -= 1;
  }
}

/** Copies the source into pieces that are transferred, not cloned: HTTP bodies come in small slices of shared buffers. */
async function send(iterator: AsyncIterator<Uint8Array>, worker: Worker, credit: Credit): Promise<void> {
  let piece = new Uint8Array(PIECE);
  let length = 0;
  const flush = async () => {
    await credit.take();
    worker.postMessage(piece.subarray(0, length) satisfies ToWorker, [piece.buffer]);
    piece = new Uint8Array(PIECE);
    length = 0;
  };
  for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
    for (let at = 0; at < step.value.length; ) {
      const part = step.value.subarray(at, at + PIECE - length);
      piece.set(part, length);
      length += part.length;
      at += part.length;
      if (length === PIECE) await flush();
    }
  }
  if (length > 0) await flush();
  worker.postMessage("end" satisfies ToWorker);
}

function outcomeOf(worker: Worker, credit: Credit): Promise<Unpacked> {
  return new Promise((resolve, reject) => {
    worker.on("message", (message: FromWorker) => {
      if (message === "taken") credit.add();
      else settle(message, resolve, reject);
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`the thread that unpacks a layer ended early (${code})`)));
  });
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
