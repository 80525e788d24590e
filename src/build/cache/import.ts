/** --cache-from: steps that were executed elsewhere. */
import { TsrunError } from "../../errors.ts";
import { openDirectory } from "../../image/archive/directory-files.ts";
import { readDocument } from "../../image/archive/files.ts";
import { layoutSource } from "../../image/archive/oci-layout.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { parseReference } from "../../image/reference.ts";
import type { ImageSource } from "../../image/source.ts";
import type { CacheRecord } from "../../store/build-cache.ts";
import { ingestLayer } from "../../store/ingest.ts";
import type { Session } from "../session.ts";
import type { StepCounter } from "../step-counter.ts";
import type { CacheLocation } from "../types.ts";
import { type CacheManifest, readCacheConfiguration, TAG } from "./exported.ts";

export interface ImportedCache {
  /** The record of a key, whose layer is in the store from now on. */
  find(key: string): Promise<CacheRecord | undefined>;
}

/** A cache that cannot be had is told and done without, as with docker. */
export async function importCaches(session: Session, counter: StepCounter): Promise<ImportedCache> {
  const { cacheFrom = [] } = session.options;
  const caches = await Promise.all(
    cacheFrom.map(async (location) => {
      const step = counter.internal(`importing cache manifest from ${nameOf(location)}`);
      return session
        .during(step, () => importCache(session, location, step))
        .catch((error: unknown) => {
          session.signal.throwIfAborted();
          if (!(error instanceof TsrunError) && !(error instanceof SyntaxError)) throw error;
          return undefined;
        });
    }),
  );
  return {
    async find(key) {
      for (const cache of caches) {
        const record = await cache?.find(key);
        if (record) return record;
      }
      return undefined;
    },
  };
}

const nameOf = ({ type, attributes }: CacheLocation): string =>
  type === "local" ? `local:${attributes.src}` : (attributes.ref ?? "");

async function importCache(session: Session, location: CacheLocation, step: number): Promise<ImportedCache> {
  const { source, digest } = await openSource(session, location);
  session.keep(source);
  const { bytes } = await source.manifest(digest);
  const manifest = JSON.parse(bytes.toString()) as CacheManifest;
  const cache = readCacheConfiguration(await source.document(manifest.config, "cache configuration"));
  if (cache === undefined) {
    throw new TsrunError("ERR_TSRUN_BUILD_CACHE_INVALID", `${nameOf(location)} has no cache in it`, {
      hint: "build it with --cache-to type=inline, or name what --cache-to has written",
    });
  }
  const layers = new Map(cache.diffIds.map((diffId, index) => [diffId, manifest.layers[index]]));
  return {
    async find(key) {
      const record = Object.hasOwn(cache.records, key) ? cache.records[key] : undefined;
      if (record === undefined || record.layer === null) return record;
      const descriptor = layers.get(record.layer);
      if (descriptor === undefined) return undefined;
      try {
        await fetchLayer(session, source, { ...descriptor, diffId: record.layer });
        return record;
      } catch (error) {
        session.signal.throwIfAborted();
        const { message } = error as Error;
        const data = Buffer.from(`${record.description} is not taken from it: ${message}\n`);
        session.emit({ type: "output", step, stream: "stderr", data });
        return undefined;
      }
    },
  };
}

async function fetchLayer(
  { paths, signal }: Session,
  source: ImageSource,
  layer: Descriptor & { diffId: string },
): Promise<void> {
  const { digest, size, mediaType, diffId } = layer;
  await ingestLayer(paths, { source: source.layer(layer), digest, size, mediaType, diffId, signal });
}

async function openSource(
  { context, signal }: Session,
  { type, attributes }: CacheLocation,
): Promise<{ source: ImageSource; digest: string }> {
  if (type === "local") {
    const directory = attributes.src ?? "";
    const files = openLayout(directory);
    const source = layoutSource(files);
    const own = { ...source, [Symbol.dispose]: () => files[Symbol.dispose]() };
    return { source: own, digest: attributes.digest ?? (await digestIn(files, attributes.tag)) };
  }
  const { openRegistry } = await import("../../image/registry.ts");
  const ref = parseReference(attributes.ref ?? "");
  const source = await openRegistry(ref, { config: context.config, signal, onRetry: () => {} });
  return { source, digest: ref.digest ?? ref.tag ?? "latest" };
}

function openLayout(directory: string) {
  try {
    return openDirectory(directory);
  } catch (cause) {
    throw new TsrunError(
      "ERR_TSRUN_BUILD_CACHE_INVALID",
      `cannot read the cache in ${directory}: ${(cause as Error).message}`,
      {
        hint: "a build with --cache-to type=local,dest=DIR makes one",
        cause,
      },
    );
  }
}

/** Of a tag; where none is asked for, "latest", or whatever there is. */
async function digestIn(files: ReturnType<typeof openDirectory>, tag: string | undefined): Promise<string> {
  const index = JSON.parse((await readDocument(files, "index.json")).toString()) as {
    manifests: { digest: string; annotations?: Record<string, string> }[];
  };
  const named = index.manifests.find(({ annotations }) => annotations?.[TAG] === (tag ?? "latest"));
  const digest = (named ?? (tag === undefined ? index.manifests[0] : undefined))?.digest;
  if (digest !== undefined) return digest;
  const tags = index.manifests.flatMap(({ annotations }) => annotations?.[TAG] ?? []).join(", ");
  throw new TsrunError("ERR_TSRUN_BUILD_CACHE_INVALID", `there is no cache ${tag ?? "at all"} in it`, {
    hint: tags === "" ? "a build with --cache-to type=local,dest=DIR makes one" : `its tags are ${tags}`,
  });
}
