/**
 * Syncing the store while layers come, so that the sync at the end, which alone counts, finds little left to do: the
 * processors unpack and the disk writes at the same time, not one after the other.
 */
import { closeSync, mkdirSync, openSync } from "node:fs";
import { syncfs } from "../kernel/files.ts";
import { layersDir, type Paths } from "./paths.ts";

/** Of blobs, from one sync to the next: they are some three times as much when they are unpacked. */
const EVERY = 8 * 1024 * 1024;

/** One filesystem that is written to; `sync` is syncfs(2). */
export class SyncAhead {
  readonly #sync: () => Promise<void>;
  #bytes = 0;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** So many bytes have come since the last call: begins a sync where that makes enough and none is under way. */
  received(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < EVERY || this.#running !== undefined) return;
    this.#bytes = 0;
    this.#running = this.#sync()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Syncs all that was written before. Throws also what an earlier sync met: the kernel tells of an error once. */
  async finish(): Promise<void> {
    await Promise.all([this.#sync(), this.#running]);
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
  }
}

/** By data root: what fails is that filesystem's, whichever pull had begun the sync. */
const stores = new Map<string, SyncAhead>();

/** The sync of a store. */
export function syncOf(paths: Paths): SyncAhead {
  const known = stores.get(paths.root);
  if (known) return known;
  const made = new SyncAhead(() => syncFilesystem(layersDir(paths)));
  stores.set(paths.root, made);
  return made;
}

async function syncFilesystem(directory: string): Promise<void> {
  // The first layer is still on its way.
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fd = openSync(directory, "r");
  try {
    await syncfs(fd);
  } finally {
    closeSync(fd);
  }
}
