/** save: images of the store as an archive that every other tool reads. */
import { Readable } from "node:stream";
import { TsrunError } from "../errors.ts";
import { imageArchive, type SavedImage } from "../image/archive/write.ts";
import { type Manifest, parseManifest } from "../image/manifest.ts";
import { familiarName, parseReference, type Reference, repositoryOf } from "../image/reference.ts";
import { hasBlob, readBlob } from "../store/blobs.ts";
import { digestOf } from "../store/digest.ts";
import { holdStore, type ImageIndex, type ImageRecord, readImages } from "../store/images.ts";
import type { Paths } from "../store/paths.ts";
import type { SaveOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { recordEvent } from "./events.ts";
import { resolveForPlatform } from "./images.ts";
import { manifestOf } from "./new-image.ts";
import { findImage } from "./resolve-image.ts";

/**
 * The store is held until the archive has been read or destroyed. Throws ERR_TSRUN_IMAGE_NOT_FOUND,
 * ERR_TSRUN_IMAGE_DAMAGED, ERR_TSRUN_PLATFORM_NOT_FOUND.
 */
export async function saveImages(
  context: EngineContext,
  images: readonly string[],
  { platform, signal }: SaveOptions = {},
): Promise<Readable> {
  const { paths } = context;
  const store = await holdStore(paths, signal ? { signal } : {});
  try {
    const selected = select(readImages(paths), images);
    const saved = selected.map((choice) => savedImage(paths, choice, platform));
    const stream = Readable.from(imageArchive(paths, saved, signal), { objectMode: false });
    stream.once("close", () => store.release());
    for (const { record, references } of selected) {
      const id = record.config;
      const name = references[0] === undefined ? id : familiarName(references[0]);
      recordEvent(context, { type: "image", action: "save", id, attributes: { name } });
    }
    return stream;
  } catch (error) {
    store.release();
    throw error;
  }
}

interface Choice {
  record: ImageRecord;
  /** Tags to save it by. */
  references: Reference[];
}

/** Which images, each once, with those of their names that were asked for: none for one by its id or a digest. */
function select(index: ImageIndex, texts: readonly string[]): Choice[] {
  const choices = new Map<string, { record: ImageRecord; names: Set<string> }>();
  const add = (record: ImageRecord, name: string | undefined): void => {
    const choice = choices.get(record.config) ?? { record, names: new Set<string>() };
    choices.set(record.config, choice);
    if (name !== undefined && parseReference(name).digest === undefined) choice.names.add(name);
  };
  for (const text of texts) {
    const tags = tagsOf(index, text);
    for (const name of tags) add(index.names[name] as ImageRecord, name);
    if (tags.length > 0) continue;
    const { record, name } = findImage(index, text);
    add(record, name);
  }
  return [...choices.values()].map(({ record, names }) => ({
    record,
    references: [...names].sort().map(parseReference),
  }));
}

/** All names by tag of a repository that is given without one, as docker takes it. */
function tagsOf(index: ImageIndex, text: string): string[] {
  if (/@|:[^/]*$/.test(text) || /^[a-f0-9]{64}$/.test(text)) return [];
  const repository = repositoryOf(parseReference(text));
  return Object.keys(index.names).filter((name) => {
    const reference = parseReference(name);
    return reference.digest === undefined && repositoryOf(reference) === repository;
  });
}

function savedImage(paths: Paths, { record, references }: Choice, platform: string | undefined): SavedImage {
  const name = references[0] === undefined ? record.config : familiarName(references[0]);
  const image = resolveForPlatform(paths, name, platform);
  const config = readBlob(paths, record.config);
  if (config === undefined) throw damaged(record.config);
  const { bytes, manifest } = manifestFor(paths, record, { size: config.length, diffIds: image.diffIds });
  return {
    manifest: {
      descriptor: { mediaType: manifest.mediaType, digest: digestOf(bytes), size: bytes.length },
      bytes,
    },
    config: { digest: record.config, bytes: config },
    layers: manifest.layers,
    platform: image.platform,
    references,
  };
}

/**
 * The manifest as it was pulled; or, where the store has a layer of it compressed otherwise (another image brought
 * it first), one that says what is there. The image's id is the same by both.
 */
function manifestFor(
  paths: Paths,
  record: ImageRecord,
  { size, diffIds }: { size: number; diffIds: readonly string[] },
): { bytes: Buffer; manifest: Pick<Manifest, "mediaType" | "layers"> } {
  const bytes = readBlob(paths, record.manifest);
  const pulled = bytes && parseManifest(bytes, "");
  if (bytes && pulled?.kind === "manifest" && pulled.layers.every(({ digest }) => hasBlob(paths, digest)))
    return { bytes, manifest: pulled };
  const manifest = manifestOf(paths, { digest: record.config, size }, diffIds);
  return { bytes: Buffer.from(JSON.stringify(manifest)), manifest };
}

function damaged(id: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_IMAGE_DAMAGED",
    `the configuration of image ${id} is lost or damaged on disk`,
    {
      hint: "pull it again, or remove it with `tsrun rmi`",
    },
  );
}
