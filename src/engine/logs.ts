/** logs: what a container has written, and what it writes from now on. */
import { closeSync, type FSWatcher, fstatSync, openSync, readSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { TsrunError } from "../errors.ts";
import { containerDir } from "../store/paths.ts";
import type { LogEntry, LogOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { isOwned } from "./ownership.ts";
import { resolveContainer } from "./records.ts";
import { readState } from "./state.ts";

const CHUNK = 64 * 1024;
/** inotify(7) wakes the reader; this is for filesystems without it. */
const POLL_MS = 200;

/** Entries oldest first, through rotated files; with `follow` until the container has ended. */
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
  const wanted = within(options);
  using log = openLog(file, record.logMaxFiles);
  const past = filtered(log.unread(), wanted);
  yield* options.tail === undefined ? past : last(past, options.tail);
  if (!options.follow) return;
  // Its monitor, who owns it, writes the log for moments after it has written down the end.
  const isOver = (): boolean =>
    readState(context.paths, record.id).status !== "running" && !isOwned(context.paths, record.id);
  for await (const entries of follow(log, { directory: dirname(file), isOver, signal: options.signal })) {
    yield* filtered(entries, wanted);
  }
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

/** The log as the sequence of files that it is. */
interface Log extends Disposable {
  /** Entries that were not read yet, oldest first; files that a rotation has begun meanwhile included. */
  unread(): Iterable<LogEntry>;
}

interface LogFile {
  fd: number;
  inode: number;
  position: number;
  parse: (bytes: Buffer) => LogEntry[];
}

function openLog(file: string, maxFiles: number): Log {
  const names = Array.from({ length: maxFiles }, (_, index) => (index === 0 ? file : `${file}.${index}`));
  let open: LogFile[] = [];
  const close = (files: readonly LogFile[]): void => {
    for (const { fd } of files) closeSync(fd);
  };
  return {
    *unread() {
      // What is found before the file is read to its end is complete by then: no rotated file is written to again.
      open.push(...openNewer(names, open.at(-1)?.inode));
      for (const current of open) yield* unreadOf(current);
      close(open.slice(0, -1));
      open = open.slice(-1);
    },
    [Symbol.dispose]: () => close(open.splice(0)),
  };
}

/**
 * The files that are newer than the one known, oldest first; all, where that one is none of them any more. Opened
 * newest first: a rotation in between gives a file that is open already the next name, where it is recognized.
 */
function openNewer(names: readonly string[], known: number | undefined): LogFile[] {
  const files: LogFile[] = [];
  for (const name of names) {
    const fd = openIfAny(name);
    if (fd === undefined) continue;
    const inode = fstatSync(fd).ino;
    if (inode !== known && files[0]?.inode !== inode) {
      files.unshift({ fd, inode, position: 0, parse: entryParser() });
      continue;
    }
    closeSync(fd);
    if (inode === known) break;
  }
  return files;
}

function openIfAny(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function* unreadOf(file: LogFile): Iterable<LogEntry> {
  if (fstatSync(file.fd).size < file.position) {
    // The only file there may be was emptied and begun anew.
    file.position = 0;
    file.parse = entryParser();
  }
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const length = readSync(file.fd, buffer, 0, CHUNK, file.position);
    if (length === 0) return;
    file.position += length;
    yield* file.parse(buffer.subarray(0, length));
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

/** Cuts bytes into JSON lines; the unfinished last one waits for its end. */
function entryParser(): (bytes: Buffer) => LogEntry[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    const data = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const end = data.lastIndexOf(0x0a) + 1;
    rest = Buffer.from(data.subarray(end));
    return data.subarray(0, end).toString("utf8").split("\n").flatMap(parseLine);
  };
}

/** A line that a full disk cut short is left out. */
function parseLine(line: string): LogEntry[] {
  if (line === "") return [];
  try {
    const { log, stream, time } = JSON.parse(line) as {
      log: string;
      stream: LogEntry["stream"];
      time: string;
    };
    return [{ stream, time, text: log }];
  } catch {
    return [];
  }
}

function within({ since, until }: LogOptions): (entry: LogEntry) => boolean {
  const from = since === undefined ? Number.NEGATIVE_INFINITY : moment(since);
  const to = until === undefined ? Number.POSITIVE_INFINITY : moment(until);
  return ({ time }) => {
    const at = Date.parse(time);
    return at >= from && at <= to;
  };
}

/** Milliseconds since 1970 of an RFC 3339 time or of unix seconds. */
function moment(text: string): number {
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new TsrunError("ERR_TSRUN_TIME_INVALID", `invalid time: ${text}`, {
    hint: "an RFC 3339 time such as 2026-01-31T12:00:00Z, or seconds since 1970",
  });
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
