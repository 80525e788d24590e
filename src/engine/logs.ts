/** logs: what a container has written, and what it writes from now on. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { containerDir } from "../store/paths.ts";
import type { LogEntry, LogOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { resolveContainer } from "./records.ts";
import { readState } from "./state.ts";

const CHUNK = 64 * 1024;
/** inotify(7) wakes the reader; this is for filesystems without it, and to notice the container's end. */
const POLL_MS = 200;

/** Entries oldest first, through rotated files; with `follow` until the container has ended. */
export async function* readLogs(
  context: EngineContext,
  reference: string,
  options: LogOptions = {},
): AsyncIterable<LogEntry> {
  const record = resolveContainer(context.paths, reference);
  if (record.logDriver === "none") {
    throw new TsrunError("ERR_TSRUN_LOG_UNREADABLE", `container ${record.name} keeps no log (--log-driver none)`, {
      hint: "what it writes can be seen while attached to it",
    });
  }
  const file = join(containerDir(context.paths, record.id), "log.json");
  const wanted = within(options);
  const past = pastEntries(file, record.logMaxFiles);
  const shown = past.entries.filter(wanted);
  yield* options.tail === undefined ? shown : shown.slice(Math.max(0, shown.length - options.tail));
  if (!options.follow) return past.close();
  const isOver = (): boolean => readState(context.paths, record.id).status !== "running";
  yield* filtered(followFile(past, { file, isOver, signal: options.signal }), wanted);
}

interface OpenLog {
  entries: LogEntry[];
  fd: number | undefined;
  /** Cuts further bytes of the current file into entries. */
  parse: (bytes: Buffer) => LogEntry[];
  close(): void;
}

function pastEntries(file: string, maxFiles: number): OpenLog {
  const rotated = Array.from({ length: maxFiles - 1 }, (_, index) => `${file}.${maxFiles - 1 - index}`);
  const entries: LogEntry[] = [];
  for (const path of rotated.filter((name) => existsSync(name))) {
    const fd = openSync(path, "r");
    entries.push(...readAll(fd, entryParser()));
    closeSync(fd);
  }
  const parse = entryParser();
  const fd = existsSync(file) ? openSync(file, "r") : undefined;
  if (fd !== undefined) entries.push(...readAll(fd, parse));
  return {
    entries,
    fd,
    parse,
    close() {
      if (this.fd !== undefined) closeSync(this.fd);
      this.fd = undefined;
    },
  };
}

async function* followFile(
  log: OpenLog,
  { file, isOver, signal }: { file: string; isOver: () => boolean; signal: AbortSignal | undefined },
): AsyncIterable<LogEntry> {
  const wakeUp = watcher(file);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const over = isOver(); // asked before the last read, so that nothing written until the end is missed
      if (log.fd !== undefined) yield* readAll(log.fd, log.parse);
      if (wasRotated(log.fd, file)) {
        log.close();
        log.fd = openSync(file, "r");
        log.parse = entryParser();
        continue;
      }
      if (over) return;
      await wakeUp.next();
    }
  } finally {
    wakeUp.close();
    log.close();
  }
}

/** Whether the file now is another than the one that is open. */
function wasRotated(fd: number | undefined, file: string): boolean {
  const named = statSync(file, { throwIfNoEntry: false });
  return named !== undefined && (fd === undefined || fstatSync(fd).ino !== named.ino);
}

function watcher(file: string): { next(): Promise<void>; close(): void } {
  let wake: () => void = () => {};
  const changes = existsSync(file) ? watch(file, () => wake()) : undefined;
  changes?.on("error", () => {});
  return {
    next: () =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    close: () => changes?.close(),
  };
}

function readAll(fd: number, parse: (bytes: Buffer) => LogEntry[]): LogEntry[] {
  const entries: LogEntry[] = [];
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const length = readSync(fd, buffer);
    if (length === 0) return entries;
    entries.push(...parse(buffer.subarray(0, length)));
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
    const { log, stream, time } = JSON.parse(line) as { log: string; stream: LogEntry["stream"]; time: string };
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

async function* filtered(entries: AsyncIterable<LogEntry>, wanted: (entry: LogEntry) => boolean) {
  for await (const entry of entries) if (wanted(entry)) yield entry;
}
