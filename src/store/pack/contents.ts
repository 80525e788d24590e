/** The bytes of a file for an archive, which has to say their number before the first of them. */
import { constants, openSync, read, readSync } from "node:fs";

const { O_RDONLY, O_NONBLOCK } = constants;
const O_NOATIME = 0o1000000;

/** What is read at once; a file that is not larger is read without leaving the event loop's turn. */
export const PIECE = 64 * 1024;
/** The most that is read of a file that calls itself empty, as those of proc(5) do. */
const EMPTY_LIMIT = 16 * 1024 * 1024;

/** Opens the regular file of an O_PATH descriptor. Not blocking: in sysfs and tracefs there are files that would. */
export function openContents(fd: number): number {
  const path = `/proc/self/fd/${fd}`;
  try {
    return openSync(path, O_RDONLY | O_NONBLOCK | O_NOATIME);
  } catch (error) {
    // Only the owner may leave the time of last access alone (open(2)).
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    return openSync(path, O_RDONLY | O_NONBLOCK);
  }
}

/** The whole of a small file, as long as it really is; undefined for one that is better read piece by piece. */
export function smallContents(fd: number, size: number): Buffer | undefined {
  if (size > PIECE) return undefined;
  if (size > 0) return readFully(fd, Buffer.allocUnsafe(size));
  const pieces: Buffer[] = [];
  for (let total = 0; total < EMPTY_LIMIT; total += PIECE) {
    const piece = readFully(fd, Buffer.allocUnsafe(PIECE));
    pieces.push(piece);
    if (piece.length < PIECE) break;
  }
  return Buffer.concat(pieces);
}

function readFully(fd: number, buffer: Buffer): Buffer {
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

/** Exactly `size` bytes of a file: what it has grown meanwhile is left out, what it has shrunk is zeros, as with tar. */
export async function* largeContents(fd: number, size: number): AsyncGenerator<Buffer> {
  let left = size;
  while (left > 0) {
    const piece = await readPiece(fd, Math.min(left, 4 * PIECE));
    if (piece.length === 0) break;
    left -= piece.length;
    yield piece;
  }
  for (; left > 0; left -= Math.min(left, PIECE)) yield Buffer.alloc(Math.min(left, PIECE));
}

function readPiece(fd: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, length, null, (error, count) => {
      if (error) reject(error);
      else resolve(buffer.subarray(0, count));
    });
  });
}
