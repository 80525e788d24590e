/**
 * The files of a finished root, out of tsrun: into a directory of this host (-o type=local), or as an archive
 * (-o type=tar). The root is an O_PATH descriptor, which stays the caller's.
 */
import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { O_PATH, openBeneath } from "../../kernel/openat2.ts";
import { packTree } from "../../store/pack/pack.ts";
import { unpackInto } from "../../store/unpack/unpack-into.ts";
import { type Write, writeFile } from "./write-file.ts";

export interface ExportOptions {
  signal?: AbortSignal | undefined;
  /** Called with the bytes of the archive so far. */
  onProgress?: ((bytes: number) => void) | undefined;
}

/**
 * Copies the files into a directory, which is made where it is missing and keeps what else is in it. As with docker,
 * everything there belongs to this process's user. Throws ERR_TSRUN_COPY_CONFLICT, ERR_TSRUN_COPY_FAILED.
 */
export async function exportToDirectory(
  root: number,
  directory: string,
  options: ExportOptions = {},
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const fd = openSync(directory, O_PATH | constants.O_DIRECTORY);
  try {
    await unpackInto(archiveOf(root, options), {
      open: (path, flags) => openBeneath(fd, path, flags),
      directory: ".",
      owner: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
      signal: options.signal,
    });
  } finally {
    closeSync(fd);
  }
}

/** The same as one tar archive, owners and attributes kept, into a file or a function. */
export async function exportToArchive(
  root: number,
  to: string | Write,
  options: ExportOptions = {},
): Promise<void> {
  await sendTo(to, archiveOf(root, options));
}

/** An archive that is made as it is read, an image's for example, into a file or a function. */
export async function sendTo(to: string | Write, archive: AsyncIterable<Uint8Array>): Promise<void> {
  if (typeof to === "string") return await writeFile(to, archive);
  for await (const piece of archive) await to(piece);
}

async function* archiveOf(root: number, { signal, onProgress }: ExportOptions): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of packTree(root, { name: "", signal })) {
    bytes += piece.length;
    onProgress?.(bytes);
    yield piece;
  }
}
