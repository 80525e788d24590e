/**
 * The worker thread that unpacks one layer: an entry file of its own, started by worker-client.ts.
 *
 * It receives the job as workerData, then chunks (each answered with "taken", so that the sender never has more than
 * a few under way), then "end" or "abort"; it answers with one Outcome and ends.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { TsrunError } from "../errors.ts";
import { type Unpacked, type UnpackJob, unpackLayer } from "./unpack/pipeline.ts";

export type ToWorker = Uint8Array | "end" | "abort";
export type FromWorker = "taken" | Outcome;

/** Errors cross threads as data: a structured clone would lose their class and code. */
export type Outcome =
  | { unpacked: Unpacked }
  | { refusal: { code: TsrunError["code"]; message: string; hint: string | undefined; cause: unknown } }
  | { bug: string };

async function* chunksOf(port: MessagePort): AsyncGenerator<Uint8Array> {
  const queue: ToWorker[] = [];
  let wake = () => {};
  port.on("message", (message: ToWorker) => {
    queue.push(message);
    wake();
  });
  for (;;) {
    const message = queue.shift();
    if (message === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    } else if (message === "end") {
      return;
    } else if (message === "abort") {
      throw new Error("the layer's source has failed");
    } else {
      port.postMessage("taken" satisfies FromWorker);
      yield message;
    }
  }
}

function describe(error: unknown): Outcome {
  if (!(error instanceof TsrunError))
    return { bug: error instanceof Error ? String(error.stack) : String(error) };
  const { code, message, hint, cause } = error;
  return { refusal: { code, message, hint, cause: cause instanceof Error ? cause.message : undefined } };
}

/** No top-level await: the built entry is a CommonJS file. */
async function serve(port: MessagePort): Promise<void> {
  const outcome = await unpackLayer(workerData as UnpackJob, chunksOf(port)).then(
    (unpacked): Outcome => ({ unpacked }),
    describe,
  );
  port.postMessage(outcome satisfies FromWorker);
  port.close();
}

if (parentPort) void serve(parentPort);
