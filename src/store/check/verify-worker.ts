/** The worker thread that verifies one layer: an entry file of its own, started by verify-client.ts. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { type Verified, type VerifyJob, verifyLayer } from "./verify-layer.ts";

/** Bytes read since the last message, or the end. */
export type FromVerifier = number | { verified: Verified } | { failure: string };

/** Posting a message costs more than hashing a small file. */
const REPORTED = 1024 * 1024;

/** No top-level await: the built entry is a CommonJS file. */
async function serve(port: MessagePort): Promise<void> {
  let unreported = 0;
  const onProgress = (bytes: number) => {
    unreported += bytes;
    if (unreported < REPORTED) return;
    port.postMessage(unreported satisfies FromVerifier);
    unreported = 0;
  };
  const answer = await verifyLayer(workerData as VerifyJob, onProgress).then(
    (verified): FromVerifier => ({ verified }),
    (error: Error): FromVerifier => ({ failure: error.message }),
  );
  port.postMessage(answer);
  port.close();
}

if (parentPort) void serve(parentPort);
