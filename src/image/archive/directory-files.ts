/** An OCI layout that lies unpacked in a directory. No link in it leads out: it may be a stranger's. */
import { closeSync, createReadStream, fstatSync, openSync } from "node:fs";
import { SyscallError } from "../../kernel/errors.ts";
import { O_NONBLOCK, O_RDONLY, openBeneath } from "../../kernel/openat2.ts";
import { type ArchiveFiles, invalidArchive, missingFile } from "./files.ts";

const PIECE = 1024 * 1024;

export function openDirectory(path: string): ArchiveFiles {
  const root = openSync(path, "r");
  return {
    size(name) {
      const fd = openFile(root, name);
      if (fd === undefined) return undefined;
      try {
        return fstatSync(fd).size;
      } finally {
        closeSync(fd);
      }
    },
    async *stream(name) {
      const fd = openFile(root, name);
      if (fd === undefined) throw missingFile(name);
      yield* createReadStream("", { fd, highWaterMark: PIECE });
    },
    [Symbol.dispose]: () => closeSync(root),
  };
}

/** Not blocking, since it may be a pipe; undefined where there is nothing. */
function openFile(root: number, name: string): number | undefined {
  let fd: number;
  try {
    fd = openBeneath(root, name, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    if (error.code === "EXDEV") throw invalidArchive(`${name} is a link that leads out of it`, error);
    throw invalidArchive(`${name} cannot be opened: ${error.code}`, error);
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw invalidArchive(`${name} is no regular file`);
}
