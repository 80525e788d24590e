/**
 * A worker thread that unpacks layers, several at a time: an entry file of its own, started by worker-pool.ts.
 *
 * For each layer it receives a job and a port. From the port come pieces of the blob, whose memory goes back there
 * when the piece was used, so that a layer of any size lives on the few that its sender has; then "end" or "abort".
 * One Outcome is the answer, after which the port is closed.
 */
import { type MessagePort, parentPort } from "node:worker_threads";
import { TsrunError } from "../errors.ts";
import { type Unpacked, type UnpackJob, unpackLayer } from "./unpack/pipeline.ts";

export interface Assignment {
  readonly job: UnpackJob;
  readonly port: MessagePort;
}

export type ToWorker = Uint8Array<ArrayBuffer> | "end" | "abort";
export type FromWorker = ArrayBuffer | Outcome;

/** Errors cross threads as data: a structured clone would lose their class and code. */
export type Outcome =
  | { unpacked: Unpacked }
  | { refusal: { code: TsrunError["code"]; message: string; hint: string | undefined; cause: unknown } }
  | { bug: string };

/** Whoever asks for the next piece is done with the one before. */
async function* piecesOf(port: MessagePort): AsyncGenerator<Uint8Array> {
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
      yield message;
      port.postMessage(message.buffer satisfies FromWorker, [message.buffer]);
    }
  }
}

function describe(error: unknown): Outcome {
  if (!(error instanceof TsrunError))
    return { bug: error instanceof Error ? String(error.stack) : String(error) };
  const { code, message, hint, cause } = error;
  return { refusal: { code, message, hint, cause: cause instanceof Error ? cause.message : undefined } };
}

async function serve({ job, port }: Assignment): Promise<void> {
  const outcome = await unpackLayer(job, piecesOf(port)).then(
    (unpacked): Outcome => ({ unpacked }),
    describe,
  );
  port.postMessage(outcome satisfies FromWorker);
  port.close();
}

parentPort?.on("message", (assignment: Assignment) => void serve(assignment));
