/** images.json out of what is left: the manifests among the blobs, and the names that containers remember. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { TsrunError } from "../../errors.ts";
import { DOCUMENT_LIMIT, parseManifest } from "../../image/manifest.ts";
import { canonicalName, parseReference } from "../../image/reference.ts";
import { blobPath, readBlob } from "../../store/blobs.ts";
import { type ImageRecord, replaceImages } from "../../store/images.ts";
import { blobsDir, type Paths } from "../../store/paths.ts";
import { containerIds, readRecord } from "../records.ts";

/** Returns how many images were found; the caller holds the store. The names that no container remembers are lost. */
export async function rebuildIndex(paths: Paths): Promise<number> {
  const images = new Map<string, ImageRecord>();
  for (const digest of smallBlobs(paths)) {
    const image = imageOf(paths, digest);
    if (image) images.set(image.config, image);
  }
  const names = namesInContainers(paths);
  const known = Object.fromEntries(images);
  const named = [...images.values()].flatMap((image) =>
    (names.get(image.config) ?? []).map((name) => [name, image] as const),
  );
  await replaceImages(paths, { version: 1, names: Object.fromEntries(named), known });
  return images.size;
}

function smallBlobs(paths: Paths): string[] {
  if (!existsSync(blobsDir(paths))) return [];
  return readdirSync(blobsDir(paths))
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((name) => `sha256:${name}`)
    .filter((digest) => statSync(blobPath(paths, digest)).size <= DOCUMENT_LIMIT);
}

function imageOf(paths: Paths, digest: string): ImageRecord | undefined {
  const bytes = readBlob(paths, digest);
  if (bytes?.[0] !== "{".charCodeAt(0)) return undefined;
  try {
    const manifest = parseManifest(bytes, "");
    if (manifest.kind !== "manifest" || !readBlob(paths, manifest.config.digest)) return undefined;
    const target = { digest, mediaType: manifest.mediaType };
    return { target, manifest: digest, config: manifest.config.digest };
  } catch (error) {
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}

/** Canonical names by image id. A container may have been made of an id, which is no name. */
function namesInContainers(paths: Paths): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const id of containerIds(paths)) {
    const record = readRecord(paths, id);
    if (!record || record.imageId.includes(record.image)) continue;
    const name = canonicalName(parseReference(record.image));
    names.set(record.imageId, [...(names.get(record.imageId) ?? []), name]);
  }
  return names;
}
