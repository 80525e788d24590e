/** A worker thread that packs layers: an entry file of its own, started by pack-client.ts. One answer for each job. */
import { parentPort } from "node:worker_threads";
import { TsrunError } from "../errors.ts";
import { type Packed, type PackJob, packDirectory } from "./pack-job.ts";

export interface Assignment {
  readonly number: number;
  readonly job: PackJob;
}

/** Errors cross threads as data: a structured clone would lose their class and code. */
export type Answer = { readonly number: number } & (
  | { readonly packed: Packed }
  | { readonly refusal: { code: TsrunError["code"]; message: string; hint: string | undefined } }
  | { readonly bug: string }
);

function describe(number: number, error: unknown): Answer {
  if (!(error instanceof TsrunError)) {
    return { number, bug: error instanceof Error ? String(error.stack) : String(error) };
  }
  const { code, message, hint } = error;
  return { number, refusal: { code, message, hint } };
}

parentPort?.on("message", ({ number, job }: Assignment) => {
  void packDirectory(job)
    .then(
      (packed): Answer => ({ number, packed }),
      (error: unknown) => describe(number, error),
    )
    .then((answer) => parentPort?.postMessage(answer));
});
