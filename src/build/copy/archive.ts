/** ADD of an archive: it is unpacked where it is recognized. */
import { closeSync, createReadStream } from "node:fs";
import { openInRoot } from "../../kernel/openat2.ts";
import { decompress } from "../../store/unpack/decompress.ts";
import { unpackInto } from "../../store/unpack/unpack-into.ts";
import { isTarHeader, looksLikeArchive, peek, readable } from "../context/archive.ts";
import type { Destination, Owner } from "./destination.ts";
import { openFound } from "./open-found.ts";
import type { FoundFile } from "./sources.ts";

/** Unpacks a tar archive, compressed or not, into the destination; false where the file is something else. */
export async function unpackIfArchive(
  { file, stat }: FoundFile,
  {
    root,
    made,
    destination,
    owner,
  }: { root: { fd: number }; made: Destination; destination: string; owner: Owner | undefined },
): Promise<boolean> {
  if (!stat.isFile() || !(await isArchive(file))) return false;
  closeSync(made.openDirectory(destination));
  await unpackInto(readable(contents(file)), {
    open: (path, flags) => openInRoot(root.fd, path, flags),
    directory: destination === "" ? "." : destination,
    owner,
    keepsPrivileges: true,
  });
  return true;
}

/** By what is in it: something else may be compressed too, and a file of zeros is no archive of nothing here. */
async function isArchive(file: FoundFile["file"]): Promise<boolean> {
  const { head, whole } = await peek(contents(file));
  await (whole as AsyncGenerator<Buffer>).return?.(undefined);
  if (!looksLikeArchive(head)) return false;
  try {
    const { head: inner, whole: rest } = await peek(decompress(readable(contents(file))));
    await (rest as AsyncGenerator<Buffer>).return?.(undefined);
    return isTarHeader(inner);
  } catch {
    return false; // it only begins like something compressed
  }
}

const contents = (file: FoundFile["file"]): AsyncIterable<Buffer> =>
  createReadStream("", { fd: openFound(file), highWaterMark: 256 * 1024 });
