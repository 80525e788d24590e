/** A container's log on disk: JSON lines in a file that its monitor rotates. */
import { readRotatedLines } from "../store/rotated-lines.ts";
import type { LogEntry } from "./api.ts";

/** The log as the sequence of files that it is. */
export interface Log extends Disposable {
  /** Entries that were not read yet, oldest first; files that a rotation has begun meanwhile included. */
  unread(): Iterable<LogEntry>;
}

export function openLog(file: string, maxFiles: number): Log {
  const names = Array.from({ length: maxFiles }, (_, index) => (index === 0 ? file : `${file}.${index}`));
  // What is found before the file is read to its end is complete by then: no rotated file is written to again.
  const reader = readRotatedLines(names, 1);
  return {
    *unread() {
      for (const line of reader.unread()) yield* parseLine(line);
    },
    [Symbol.dispose]: () => reader[Symbol.dispose](),
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
