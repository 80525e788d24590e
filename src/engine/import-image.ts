/** import: an image of one layer out of an archive. */
import type { Readable } from "node:stream";
import { TsrunError } from "../errors.ts";
import { hostPlatform, parsePlatform } from "../image/platform.ts";
import { holdStore } from "../store/images.ts";
import { layerFromTar } from "../store/new-layer.ts";
import type { ImportOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { recordEvent } from "./events.ts";
import { applyChanges } from "./image-changes.ts";
import { nameForNewImage, writeImage } from "./new-image.ts";

/** Throws ERR_TSRUN_ARCHIVE_INVALID, ERR_TSRUN_DOWNLOAD_FAILED, and what is wrong with the options before it reads. */
export async function importImage(
  context: EngineContext,
  source: AsyncIterable<Uint8Array> | { url: string },
  { reference, message, changes = [], platform, signal }: ImportOptions = {},
): Promise<{ id: string }> {
  const { paths } = context;
  const names = reference === undefined ? [] : [nameForNewImage(reference)];
  const config = applyChanges({}, changes);
  const target = platform === undefined ? hostPlatform() : parsePlatform(platform);
  using _store = await holdStore(paths, signal ? { signal } : {});
  const archive = "url" in source ? download(context, source.url, signal) : source;
  const comment = message || `Imported from ${"url" in source ? source.url : "-"}`;
  const layer = await layerFromTar(paths, archive, { signal }).catch(asArchiveError);
  if (!layer?.entries) throw notAnArchive("there are no files in it");
  const id = await writeImage(paths, {
    platform: target,
    comment,
    config,
    layers: [layer.diffId],
    history: [{ created: new Date().toISOString(), comment }],
    names,
  });
  recordEvent(context, { type: "image", action: "import", id, attributes: { name: reference ?? id } });
  return { id };
}

async function* download(
  { config }: EngineContext,
  url: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const { chunksOf, createTransport } = await import("../image/transport.ts");
  using transport = createTransport(config);
  try {
    const response = await transport.request(url, { signal });
    if (response.status !== 200) {
      (response.body as Readable).destroy();
      throw new Error(`the server answers with status ${response.status}`);
    }
    yield* chunksOf(response, transport.policy.stallMs);
  } catch (error) {
    signal?.throwIfAborted();
    const { message } = error as Error;
    throw new TsrunError("ERR_TSRUN_DOWNLOAD_FAILED", `cannot download ${url}: ${message}`, {
      hint: "check the URL, the network, and the proxy that the configuration names",
      cause: error,
    });
  }
}

/** The store speaks of a layer that was pulled. */
function asArchiveError(error: unknown): never {
  if (error instanceof TsrunError && /^ERR_TSRUN_LAYER_(?:CORRUPT|REFUSED)$/.test(error.code)) {
    throw notAnArchive(error.message.replace(/^layer \S+: /, ""), error);
  }
  throw error;
}

function notAnArchive(message: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_ARCHIVE_INVALID", message, {
    hint: "what is imported is to be a tar archive of a root filesystem: plain, or compressed with gzip or zstd",
    cause,
  });
}
