/** logs: what a container has written, and what it writes from now on. */
import { type FSWatcher, watch } from "node:fs";
import { dirname, join } from "node:path";
import { TsrunError } from "../errors.ts";
import { monotonic } from "../kernel/clock.ts";
import { containerDir } from "../store/paths.ts";
import type { LogEntry, LogOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { type Log, openLog } from "./log-files.ts";
import { compareMoments, type Moment, parseMoment, rfc3339 } from "./moment.ts";
import { isOwned } from "./ownership.ts";
import { resolveContainer } from "./records.ts";
import { readState } from "./state.ts";

/** inotify(7) wakes the reader; this is for filesystems without it. */
const POLL_MS = 200;

/** A container that is restarted belongs to nobody for a moment: so long one that was seen running is not given up. */
const RESTART_GAP_MS = 300;

/** Entries oldest first, through rotated files; with `follow` until the container has ended, or until `until`. */
export async function* readLogs(
  context: EngineContext,
  reference: string,
  options: LogOptions = {},
): AsyncIterable<LogEntry> {
  const record = resolveContainer(context.paths, reference);
  if (record.logDriver === "none") {
    throw new TsrunError(
      "ERR_TSRUN_LOG_UNREADABLE",
      `container ${record.name} keeps no log (--log-driver none)`,
      {
        hint: "what it writes can be seen while attached to it",
      },
    );
  }
  const file = join(containerDir(context.paths, record.id), "log.json");
  const bounds = boundsOf(options);
  const wanted = within(bounds);
  using log = openLog(file, record.logMaxFiles);
  const past = filtered(log.unread(), wanted);
  yield* options.tail === undefined ? past : last(past, options.tail);
  if (!options.follow) return;
  const isOver = endOf(context, record.id, bounds);
  for await (const entries of follow(log, { directory: dirname(file), isOver, signal: options.signal })) {
    yield* filtered(entries, wanted);
  }
}

/** A look whether nothing more is to come: the time is up, or the container neither runs nor is about to. */
function endOf({ paths }: EngineContext, id: string, { to }: Bounds): () => boolean {
  let wasAlive = false;
  let goneSince: number | undefined;
  return () => {
    if (to !== undefined && Date.now() > to.milliseconds) return true;
    // Its monitor, who owns it, writes the log for moments after it has written down the end, and waits for a restart.
    if (readState(paths, id).status === "running" || isOwned(paths, id)) {
      wasAlive = true;
      goneSince = undefined;
      return false;
    }
    if (!wasAlive) return true;
    // From when it was missed, not from when it was seen last: that may be long ago where this process had to wait.
    goneSince ??= monotonic();
    return monotonic() >= goneSince + RESTART_GAP_MS;
  };
}

/** Everything that is appended until it is over, in the pieces in which it comes. */
async function* follow(
  log: Log,
  {
    directory,
    isOver,
    signal,
  }: { directory: string; isOver: () => boolean; signal: AbortSignal | undefined },
): AsyncIterable<Iterable<LogEntry>> {
  using changes = changesIn(directory);
  for (;;) {
    signal?.throwIfAborted();
    const over = isOver(); // asked before the last read, so that nothing written until the end is missed
    yield log.unread();
    if (over) return;
    await changes.next();
  }
}

/** Waits for something to change in a directory, or for a moment. */
function changesIn(directory: string): Disposable & { next(): Promise<void> } {
  let changed = false;
  let wake = (): void => {};
  const watcher = watchIfPossible(directory, () => {
    changed = true;
    wake();
  });
  return {
    async next() {
      if (!changed) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, POLL_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      changed = false;
    },
    [Symbol.dispose]: () => watcher?.close(),
  };
}

/** A user's inotify watches are limited in number (inotify(7)), and the directory may be gone. */
function watchIfPossible(directory: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(directory, onChange).on("error", () => {});
  } catch {
    return undefined;
  }
}

interface Bounds {
  from: Moment | undefined;
  to: Moment | undefined;
}

function boundsOf({ since, until }: LogOptions): Bounds {
  return {
    from: since === undefined ? undefined : parseMoment(since),
    to: until === undefined ? undefined : parseMoment(until),
  };
}

function within({ from, to }: Bounds): (entry: LogEntry) => boolean {
  if (from === undefined && to === undefined) return () => true;
  return ({ time }) => {
    const at = rfc3339(time);
    return (
      (from === undefined || compareMoments(at, from) >= 0) &&
      (to === undefined || compareMoments(at, to) <= 0)
    );
  };
}

function* filtered(entries: Iterable<LogEntry>, wanted: (entry: LogEntry) => boolean): Iterable<LogEntry> {
  for (const entry of entries) if (wanted(entry)) yield entry;
}

/** The last `count` of what may be a great many. */
function last(entries: Iterable<LogEntry>, count: number): LogEntry[] {
  let kept: LogEntry[] = [];
  for (const entry of entries) {
    kept.push(entry);
    if (kept.length >= 2 * count + 1024) kept = kept.slice(kept.length - count);
  }
  return count === 0 ? [] : kept.slice(-count);
}
