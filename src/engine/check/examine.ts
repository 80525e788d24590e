/**
 * Looks at everything that the store holds and says what is wrong. Nothing is changed. The store is held meanwhile, so
 * that nothing that is being looked at is removed; containers come and go.
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { inParallel } from "../../image/in-parallel.ts";
import { type VerifyOptions, verifyInWorker } from "../../store/check/verify-client.ts";
import { type VerifyJob, verifyLayer } from "../../store/check/verify-layer.ts";
import { holdStore } from "../../store/images.ts";
import type { Paths } from "../../store/paths.ts";
import { recordsById } from "../../store/references.ts";
import { blobJob, type Job, layerJob, otherBlobs } from "./blob-jobs.ts";
import {
  examineContainer,
  examineImage,
  readContainers,
  readIndex,
  type WantedLayer,
} from "./examine-records.ts";
import type { CheckOptions, Fault, StoreReport } from "./report.ts";

export interface Examined {
  faults: Fault[];
  checked: StoreReport["checked"];
}

/** Threads that read at once: more than this many streams make a disk slower, not faster. */
const MOST_THREADS = 4;

export async function examine(
  paths: Paths,
  { onProgress, signal }: Omit<CheckOptions, "repair">,
): Promise<Examined> {
  using _held = await holdStore(paths, signal ? { signal } : {});
  const faults: Fault[] = [];
  const index = readIndex(paths, faults);
  const containers = readContainers(paths, faults);
  const wanted = new Map<string, WantedLayer>();
  const documents = new Set<string>();
  for (const [id, records] of recordsById(index))
    for (const record of records) examineImage(paths, { id, record, index, wanted, documents, faults });
  for (const container of containers) examineContainer(paths, container, wanted, faults);

  const jobs: Job[] = [];
  for (const layer of wanted.values()) {
    const job = layerJob(paths, layer, faults);
    if (job) jobs.push(job);
  }
  const covered = new Set([...jobs.map(({ job }) => job.blob), ...documents]);
  for (const blob of otherBlobs(paths, covered)) jobs.push(blobJob(blob));

  const progress = createProgress(jobs, onProgress);
  const stopped = new AbortController();
  const together = signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal;
  const limit = Math.min(MOST_THREADS, availableParallelism());
  const stop = (reason: unknown): void => stopped.abort(reason);
  await inParallel(jobs, { limit, signal: together, stop }, async (item) => {
    const done = progress();
    const { blobFault, differences } = await verify(item, { onProgress: done, signal: together });
    if (blobFault !== undefined) faults.push(item.damagedBlob(blobFault));
    if (differences !== undefined && differences.count > 0 && item.differs)
      faults.push(item.differs(differences.count, differences.first));
  });
  const bytes = jobs.reduce((sum, { bytes }) => sum + bytes, 0);
  const layers = jobs.filter(({ job }) => job.layer).length;
  const images = Object.keys(index.known).length;
  const blobs = jobs.length + documents.size;
  return { faults, checked: { images, blobs, layers, containers: containers.length, bytes } };
}

/** Starting a thread takes longer than reading as little as this. */
const INLINE_BYTES = 4 * 1024 * 1024;

async function verify({ job, bytes }: Job, options: VerifyOptions & { onProgress: (bytes: number) => void }) {
  const run = (each: VerifyJob) =>
    bytes > INLINE_BYTES ? verifyInWorker(each, options) : verifyLayer(each, options.onProgress);
  const verified = await run(job);
  // A pull that was under way has committed the layer meanwhile, and its blob got its name.
  const moved = job.blob.endsWith(".pending") && !existsSync(job.blob);
  return moved ? await run({ ...job, blob: job.blob.replace(/\.pending$/, "") }) : verified;
}

function createProgress(
  jobs: readonly Job[],
  onProgress: CheckOptions["onProgress"] = () => {},
): () => (bytes: number) => void {
  const totalBytes = jobs.reduce((sum, { bytes }) => sum + bytes, 0);
  let doneBytes = 0;
  return () => (bytes) => {
    doneBytes += bytes;
    onProgress({ doneBytes: Math.min(doneBytes, totalBytes), totalBytes });
  };
}
