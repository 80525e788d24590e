/** The lines of files that are rotated while they are read: `file`, `file.1`, … the newest first. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const CHUNK = 64 * 1024;

/** A reader's place in the files. */
export interface LineReader extends Disposable {
  /** The lines that were not read yet, without their newlines, oldest first; at first all there are. */
  unread(): Iterable<string>;
}

interface OpenFile {
  fd: number;
  inode: number;
  position: number;
  lines: (bytes: Buffer) => string[];
}

/**
 * Reads the files of these names, the newest first. The `keep` latest stay open: as many as may be written to. What is
 * held open keeps its inode number, so no later file can be taken for it.
 */
export function readRotatedLines(names: readonly string[], keep: number): LineReader {
  let open: OpenFile[] = [];
  const close = (files: readonly OpenFile[]): void => {
    for (const { fd } of files) closeSync(fd);
  };
  return {
    *unread() {
      open.push(...openNewer(names, open));
      for (const file of open) yield* unreadOf(file);
      close(open.slice(0, -keep));
      open = open.slice(-keep);
    },
    [Symbol.dispose]: () => close(open.splice(0)),
  };
}

/**
 * The files that are newer than the known ones, oldest first; all, where those are none of them any more. Opened
 * newest first: a rotation in between gives a file that is open already the next name, where it is recognized.
 */
function openNewer(names: readonly string[], known: readonly OpenFile[]): OpenFile[] {
  const files: OpenFile[] = [];
  for (const name of names) {
    const fd = openIfAny(name);
    if (fd === undefined) continue;
    const inode = fstatSync(fd).ino;
    const isKnown = known.some((file) => file.inode === inode);
    if (!isKnown && files[0]?.inode !== inode) {
      files.unshift({ fd, inode, position: 0, lines: lineSplitter() });
      continue;
    }
    closeSync(fd);
    if (isKnown) break;
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

function* unreadOf(file: OpenFile): Iterable<string> {
  if (fstatSync(file.fd).size < file.position) {
    // It was emptied and begun anew.
    file.position = 0;
    file.lines = lineSplitter();
  }
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const length = readSync(file.fd, buffer, 0, CHUNK, file.position);
    if (length === 0) return;
    file.position += length;
    yield* file.lines(buffer.subarray(0, length));
  }
}

/** Cuts bytes into lines; the unfinished last one waits for its end. */
function lineSplitter(): (bytes: Buffer) => string[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    const data = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const end = data.lastIndexOf(0x0a) + 1;
    rest = Buffer.from(data.subarray(end));
    return data.subarray(0, end).toString("utf8").split("\n").slice(0, -1);
  };
}
