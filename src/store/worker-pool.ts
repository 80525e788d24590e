/**
 * The threads that unpack layers. They are two, whatever the machine: inflating and hashing, the most of the work, is
 * done by libuv's threads, four at a time, and two threads write what those inflate. A third would not find more to
 * do, but cost 30 ms of start-up and 20 MB like each of them.
 */
import { existsSync } from "node:fs";
import type { Worker } from "node:worker_threads";

const THREADS = 2;
/** How long a thread waits for another layer, in a process that goes on: the next one of a pull comes at once. */
const IDLE_MS = 10;
interface Thread {
  readonly worker: Worker;
  layers: number;
  idle: NodeJS.Timeout | undefined;
}

/** A thread for one layer, until it is disposed of. */
export interface Lease extends Disposable {
  readonly worker: Worker;
}

const threads = new Set<Thread>();

/**
 * Has all threads started, or starting, until it is disposed of: they take as long as a registry to say what the layers
 * are, and a processor has nothing else to do meanwhile.
 */
export async function startThreads(): Promise<Disposable> {
  const leases: Lease[] = [];
  const all = {
    [Symbol.dispose]() {
      for (const lease of leases) lease[Symbol.dispose]();
    },
  };
  try {
    while (leases.length < THREADS) leases.push(await leaseThread());
    return all;
  } catch (error) {
    all[Symbol.dispose]();
    throw error;
  }
}

/** The thread that has the least to do; started where there are fewer than there may be and all are at work. */
export async function leaseThread(): Promise<Lease> {
  const { Worker } = await import("node:worker_threads");
  const [least] = [...threads].sort((a, b) => a.layers - b.layers);
  const thread = least && (least.layers === 0 || threads.size >= THREADS) ? least : start(Worker);
  thread.layers += 1;
  clearTimeout(thread.idle);
  thread.worker.ref();
  return { worker: thread.worker, [Symbol.dispose]: () => release(thread) };
}

function start(Thread: typeof Worker): Thread {
  // Without the flags of this process: a library's host may run with --input-type or --require, say.
  const worker = new Thread(workerEntry(), { execArgv: [] });
  const thread: Thread = { worker, layers: 0, idle: undefined };
  threads.add(thread);
  worker.once("exit", () => threads.delete(thread));
  // Whoever leases it listens too; between leases it has no code to fail in.
  worker.on("error", () => threads.delete(thread));
  return thread;
}

/** An idle thread keeps no process alive. */
function release(thread: Thread): void {
  thread.layers -= 1;
  if (thread.layers > 0) return;
  thread.worker.unref();
  thread.idle = setTimeout(() => {
    threads.delete(thread);
    void thread.worker.terminate();
  }, IDLE_MS).unref();
}

/** The entry file of the worker: layer-worker.cjs beside the bundle, layer-worker.ts beside this source. */
function workerEntry(): URL {
  const built = new URL("layer-worker.cjs", import.meta.url);
  return existsSync(built) ? built : new URL("layer-worker.ts", import.meta.url);
}
