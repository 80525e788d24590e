/**
 * The journal: <root>/events/journal, a line for everything that happens. Each line is one write(2) to a descriptor
 * that was opened for it with O_APPEND, so that any number of processes and monitors (native/monitor/journal.h) write
 * at once, without a lock and without one line landing in another.
 *
 * A journal that has grown to its limit becomes journal.1, in place of the older one there. Whoever opened it before
 * that may still add a line to it, so readers go on looking at both files.
 *
 * Nothing is synced: a sync costs a thousand times what a line does. A power failure takes the lines of the last
 * seconds along (30 at most on ext4 by default) and may leave zeros or half a line in their place; a full disk leaves
 * half a line. Readers step over what is no line.
 */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { tryLock } from "./locks.ts";
import { eventsDir, type Paths } from "./paths.ts";
import { readRotatedLines } from "./rotated-lines.ts";

/** Some twenty thousand events a file. */
const LIMIT = 4 * 1024 * 1024;
const APPEND = constants.O_WRONLY | constants.O_APPEND;

/** Every line is a JSON object that begins so; inside of a JSON string the quotes would be escaped. */
export const LINE_START = '{"time":"';

export const journalPath = (paths: Paths): string => `${eventsDir(paths)}/journal`;
const olderPath = (paths: Paths): string => `${journalPath(paths)}.1`;

/** Appends a line (without its newline), a JSON object whose first member is "time". Takes about 20 µs. */
export function appendToJournal(paths: Paths, line: string, { limit = LIMIT } = {}): void {
  const fd = openForAppending(paths);
  let size: number;
  try {
    writeSync(fd, `${line}\n`);
    ({ size } = fstatSync(fd));
  } finally {
    closeSync(fd);
  }
  if (size >= limit) rotate(paths, limit);
}

function openForAppending(paths: Paths): number {
  const path = journalPath(paths);
  try {
    return openSync(path, APPEND, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  mkdirSync(eventsDir(paths), { recursive: true, mode: 0o700 });
  return openSync(path, APPEND | constants.O_CREAT, 0o600);
}

/** Where the lock is taken, its holder is rotating. */
function rotate(paths: Paths, limit: number): void {
  using lock = tryLock(join(eventsDir(paths), "lock"));
  if (!lock) return;
  const journal = statSync(journalPath(paths), { throwIfNoEntry: false });
  if (journal && journal.size >= limit) renameSync(journalPath(paths), olderPath(paths));
}

/** A reader's place in the journal. */
export interface JournalReader extends Disposable {
  /** The lines that were not read yet, oldest first; at first all there are. */
  unread(): Iterable<string>;
}

export function readJournal(paths: Paths): JournalReader {
  const reader = readRotatedLines([journalPath(paths), olderPath(paths)], 2);
  return {
    *unread() {
      for (const line of reader.unread()) yield* whole(line);
    },
    [Symbol.dispose]: () => reader[Symbol.dispose](),
  };
}

/** What was torn off before a line is cut away. */
function whole(line: string): string[] {
  const start = line.lastIndexOf(LINE_START);
  return start === -1 ? [] : [line.slice(start)];
}
