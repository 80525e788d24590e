/** A whole archive, compressed or not, into a tree that exists already. */
import { TsrunError } from "../../errors.ts";
import { printable } from "./bytes.ts";
import { decompress } from "./decompress.ts";
import { RootTree, type RootTreeOptions } from "./root-tree.ts";
import { TarReader } from "./tar-reader.ts";

export interface UnpackIntoOptions extends RootTreeOptions {
  /** Every piece of synchronous work that makes files is done by this. */
  perform?: ((work: () => void) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Unpacks as it arrives; what has arrived before a failure stays. Throws ERR_TSRUN_ARCHIVE_INVALID,
 * ERR_TSRUN_COPY_CONFLICT, ERR_TSRUN_COPY_FAILED; errors of `archive` pass through.
 */
export async function unpackInto(
  archive: AsyncIterable<Uint8Array>,
  options: UnpackIntoOptions,
): Promise<void> {
  const tree = new RootTree(options);
  const tar = new TarReader(tree);
  const { perform = (work) => work() } = options;
  try {
    for await (const chunk of inWords(decompress(buffers(archive)))) {
      options.signal?.throwIfAborted();
      explained(tree, () => perform(() => tar.push(chunk)));
    }
    explained(tree, () =>
      perform(() => {
        tar.finish();
        tree.finish();
      }),
    );
  } finally {
    tree.close();
  }
}

async function* buffers(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const { buffer, byteOffset, length } of source) yield Buffer.from(buffer, byteOffset, length);
}

async function* inWords(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw asArchiveError(error);
  }
}

function explained(tree: RootTree, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof TsrunError) throw asArchiveError(error);
    throw writeFailure(tree.current, error);
  }
}

/** The reader's words are about layers of images, which this is none of. */
function asArchiveError(error: unknown): unknown {
  if (!(error instanceof TsrunError)) return error;
  if (error.code !== "ERR_TSRUN_LAYER_CORRUPT" && error.code !== "ERR_TSRUN_LAYER_REFUSED") return error;
  return new TsrunError("ERR_TSRUN_ARCHIVE_INVALID", error.message, {
    hint: "what is read is to be a tar archive: plain, or compressed with gzip or zstd",
    cause: error,
  });
}

function writeFailure(name: string, error: unknown): TsrunError {
  const { code, message } = error as { code?: string; message: string };
  const full = code === "ENOSPC" || code === "EDQUOT";
  return new TsrunError(
    "ERR_TSRUN_COPY_FAILED",
    `cannot write ${printable(name)}: ${full ? "no space left on its filesystem" : message}`,
    {
      hint: full
        ? "make room there; what was written before is left as it is"
        : "see the message for what the kernel refused",
      cause: error,
    },
  );
}
