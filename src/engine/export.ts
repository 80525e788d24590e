/** export: a container's files as one tar archive. */
import { Readable } from "node:stream";
import { packTree } from "../store/pack/pack.ts";
import { openContainerRoot } from "./container-root.ts";
import type { EngineContext } from "./context.ts";
import { ownersInside } from "./copy-from.ts";
import { containerEvent, recordEvent } from "./events.ts";

/**
 * Image and writable layer merged; what is mounted on them (/proc, volumes) is not part of it. The container is held
 * until the archive has been read or destroyed.
 */
export async function exportContainer(
  context: EngineContext,
  reference: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Readable> {
  const root = await openContainerRoot(context, reference, "image and writable layer");
  const archive = packTree(root.fd, { name: "", signal, ownerOf: await ownersInside(root) });
  const stream = Readable.from(archive, { objectMode: false });
  stream.once("close", () => root[Symbol.dispose]());
  recordEvent(context, containerEvent(root.record, "export"));
  return stream;
}
