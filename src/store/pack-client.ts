/** Packs layers beside what their maker does meanwhile: small ones here and at once, others in a thread. */
import { existsSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { TsrunError } from "../errors.ts";
import type { Packed, PackJob } from "./pack-job.ts";
import type { Answer, Assignment } from "./pack-worker.ts";

/** Compressing is done by libuv's threads; two of ours read and digest what those compress. */
const THREADS = 2;
/** Starting a thread takes longer than packing as little as this. */
const SMALL = { files: 64, bytes: 256 * 1024 };

export interface Packer extends AsyncDisposable {
  /** As packDirectory. */
  pack(job: PackJob): Promise<Packed>;
}

/** Threads are started when they are needed, and ended by disposal. */
export function openPacker(): Packer {
  const threads: Thread[] = [];
  return {
    async pack(job) {
      if (isSmall(job.tree)) {
        const { packDirectory } = await import("./pack-job.ts");
        return packDirectory(job);
      }
      const idle = threads.find(({ pending }) => pending.size === 0);
      if (idle) return idle.pack(job);
      if (threads.length < THREADS) threads.push(await startThread());
      const [least] = [...threads].sort((a, b) => a.pending.size - b.pending.size);
      return (least as Thread).pack(job);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

interface Thread {
  readonly worker: Worker;
  readonly pending: Map<number, PromiseWithResolvers<Packed>>;
  pack(job: PackJob): Promise<Packed>;
}

async function startThread(): Promise<Thread> {
  const { Worker } = await import("node:worker_threads");
  // Without the flags of this process: a library's host may run with --input-type or --require, say.
  const worker = new Worker(workerEntry(), { execArgv: [] });
  const pending = new Map<number, PromiseWithResolvers<Packed>>();
  const fail = (error: Error): void => {
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
  };
  worker.on("error", fail);
  worker.on("exit", (code) => fail(new Error(`the thread that packs layers ended early (${code})`)));
  worker.on("message", (answer: Answer) => {
    const waiting = pending.get(answer.number);
    pending.delete(answer.number);
    if (pending.size === 0) worker.unref();
    if (waiting) settle(answer, waiting);
  });
  let last = 0;
  return {
    worker,
    pending,
    pack(job) {
      const waiting = Promise.withResolvers<Packed>();
      const number = ++last;
      pending.set(number, waiting);
      worker.ref();
      worker.postMessage({ number, job } satisfies Assignment);
      return waiting.promise;
    },
  };
}

function settle(answer: Answer, { resolve, reject }: PromiseWithResolvers<Packed>): void {
  if ("packed" in answer) resolve(answer.packed);
  else if ("bug" in answer) reject(new Error(answer.bug));
  else {
    const { code, message, hint } = answer.refusal;
    reject(new TsrunError(code, message, hint === undefined ? {} : { hint }));
  }
}

function isSmall(tree: string): boolean {
  const left = { ...SMALL };
  const look = (directory: string): boolean =>
    readdirSync(directory, { withFileTypes: true, encoding: "buffer" }).every((entry) => {
      const path = join(directory, entry.name.toString("latin1"));
      left.files -= 1;
      if (entry.isFile()) left.bytes -= lstatSync(path, { throwIfNoEntry: false })?.size ?? SMALL.bytes;
      return left.files >= 0 && left.bytes >= 0 && (!entry.isDirectory() || look(path));
    });
  try {
    return look(tree);
  } catch (error) {
    // Names that are no text: a thread will do.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** The entry file of the worker: pack-worker.cjs beside the bundle, pack-worker.ts beside this source. */
function workerEntry(): URL {
  const built = new URL("pack-worker.cjs", import.meta.url);
  return existsSync(built) ? built : new URL("pack-worker.ts", import.meta.url);
}
