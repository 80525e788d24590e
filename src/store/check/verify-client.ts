/** Verifies layers in threads of their own: hashing takes one processor, and a check is to use all. */
import { existsSync } from "node:fs";
import type { Worker } from "node:worker_threads";
import type { Verified, VerifyJob } from "./verify-layer.ts";
import type { FromVerifier } from "./verify-worker.ts";

export interface VerifyOptions {
  /** Told the bytes read since the last call. */
  onProgress?: (bytes: number) => void;
  signal?: AbortSignal | undefined;
}

/** As verifyLayer, in a worker thread; it ends when `signal` is aborted. */
export async function verifyInWorker(
  job: VerifyJob,
  { onProgress = () => {}, signal }: VerifyOptions = {},
): Promise<Verified> {
  const { Worker } = await import("node:worker_threads");
  signal?.throwIfAborted();
  const worker = new Worker(workerEntry(), { workerData: job, execArgv: [] });
  const end = () => void worker.terminate();
  signal?.addEventListener("abort", end, { once: true });
  try {
    return await outcomeOf(worker, job, onProgress);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", end);
  }
}

function outcomeOf(
  worker: Worker,
  { blob }: VerifyJob,
  onProgress: (bytes: number) => void,
): Promise<Verified> {
  return new Promise((resolve, reject) => {
    worker.on("message", (message: FromVerifier) => {
      if (typeof message === "number") onProgress(message);
      else if ("verified" in message) resolve(message.verified);
      else reject(new Error(message.failure));
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`the thread that verifies ${blob} ended early (${code})`)));
  });
}

/** verify-worker.cjs beside the bundle, verify-worker.ts beside this source. */
function workerEntry(): URL {
  const built = new URL("verify-worker.cjs", import.meta.url);
  return existsSync(built) ? built : new URL("verify-worker.ts", import.meta.url);
}
