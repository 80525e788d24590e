/** A container's log on disk: JSON lines in a file that its monitor rotates. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { LogEntry } from "./api.ts";

const CHUNK = 64 * 1024;

/** The log as the sequence of files that it is. */
export interface Log extends Disposable {
  /** Entries that were not read yet, oldest first; files that a rotation has begun meanwhile included. */
  unread(): Iterable<LogEntry>;
}

interface LogFile {
  fd: number;
  inode: number;
  position: number;
  parse: (bytes: Buffer) => LogEntry[];
}

export function openLog(file: string, maxFiles: number): Log {
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
