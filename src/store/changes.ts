/** Waiting for files to change: inotify(7), and a look from time to time where that is not to be had. */
import { type FSWatcher, watch } from "node:fs";

const POLL_MS = 200;
/** A watched directory is looked at too: network filesystems tell nothing of what other machines do. */
const WATCHED_POLL_MS = 1000;

export interface Changes extends Disposable {
  /** Resolves at the first change since the last call, after `timeoutMs`, when `signal` is aborted, or from time to time. */
  next(options?: { timeoutMs?: number; signal?: AbortSignal | undefined }): Promise<void>;
}

/** What changes in a directory from now on: its entries and the content of its files. */
export function changesIn(directory: string): Changes {
  let changed = false;
  let wake = (): void => {};
  const watcher = watchIfPossible(directory, () => {
    changed = true;
    wake();
  });
  const pollMs = watcher ? WATCHED_POLL_MS : POLL_MS;
  return {
    async next({ timeoutMs = pollMs, signal } = {}) {
      if (!changed && !signal?.aborted) {
        const woken = Promise.withResolvers<void>();
        wake = woken.resolve;
        const timer = setTimeout(wake, Math.max(0, Math.min(timeoutMs, pollMs)));
        signal?.addEventListener("abort", wake, { once: true });
        await woken.promise;
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
      }
      changed = false;
    },
    [Symbol.dispose]: () => watcher?.close(),
  };
}

/** A user's inotify watches are limited in number, and the directory may be gone. */
function watchIfPossible(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(directory, onChange).on("error", () => {});
  } catch {
    return undefined;
  }
}
