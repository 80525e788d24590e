/**
 * Writes images as one tar archive that is two things at once: an OCI layout (oci-layout, index.json, blobs) and
 * docker's archive (manifest.json, whose configurations and layers are those same blobs). Layers stay compressed as
 * they came, so that digests survive. The documents come first, and nothing but the images decides about the bytes.
 */
import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { TsrunError } from "../../errors.ts";
import { blobPath } from "../../store/blobs.ts";
import { END_OF_ARCHIVE, encodeHeader, padding } from "../../store/pack/header.ts";
import type { Paths } from "../../store/paths.ts";
import type { Descriptor } from "../manifest.ts";
import type { Platform } from "../platform.ts";
import { canonicalName, familiarName, type Reference } from "../reference.ts";
import { blobName } from "./files.ts";

export interface SavedImage {
  manifest: { descriptor: Descriptor; bytes: Buffer };
  config: { digest: string; bytes: Buffer };
  /** Lowest first. */
  layers: readonly { digest: string; size: number }[];
  platform: Platform;
  /** By tags; none for an image without a name. */
  references: readonly Reference[];
}

interface File {
  name: string;
  size: number;
  /** Undefined for a blob that is in the store. */
  bytes?: Buffer;
  /** Of a blob. */
  digest?: string;
}

const PIECE = 1024 * 1024;
const DIRECTORIES = ["blobs/", "blobs/sha256/"];

/**
 * The archive, made as it is read. A blob is verified once more on its way; ERR_TSRUN_IMAGE_DAMAGED breaks the
 * archive off in the middle where one is not what it was.
 */
export async function* imageArchive(
  paths: Paths,
  images: readonly SavedImage[],
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const documents = [
    document("oci-layout", { imageLayoutVersion: "1.0.0" }),
    document("index.json", layoutIndex(images)),
    document("manifest.json", images.map(dockerEntry)),
  ];
  const blobs = blobsOf(images);
  for (const { digest, size, bytes } of blobs) if (!bytes) checkBlob(paths, digest as string, size);
  for (const file of documents) yield* packed(paths, file, signal);
  for (const name of DIRECTORIES) yield header({ name, size: 0 });
  for (const file of blobs) yield* packed(paths, file, signal);
  yield Buffer.from(END_OF_ARCHIVE);
}

/** Each once, however many images share it. */
function blobsOf(images: readonly SavedImage[]): File[] {
  const files = images.flatMap(({ manifest, config, layers }): File[] => [
    { ...blob(manifest.descriptor.digest), size: manifest.bytes.length, bytes: manifest.bytes },
    { ...blob(config.digest), size: config.bytes.length, bytes: config.bytes },
    ...layers.map(({ digest, size }) => ({ ...blob(digest), size })),
  ]);
  return [...new Map(files.map((file) => [file.name, file])).values()];
}

const blob = (digest: string) => ({ name: blobName(digest), digest });

/** One entry for each name, as containerd and docker write it, or one without. */
function layoutIndex(images: readonly SavedImage[]): object {
  const manifests = images.flatMap(({ manifest, platform, references }) => {
    const { mediaType, digest, size } = manifest.descriptor;
    const { os, architecture, variant } = platform;
    const entry = {
      mediaType,
      digest,
      size,
      platform: { architecture, os, ...(variant === undefined ? {} : { variant }) },
    };
    if (references.length === 0) return [entry];
    return references.map((reference) => ({
      ...entry,
      annotations: {
        "io.containerd.image.name": canonicalName(reference),
        "org.opencontainers.image.ref.name": reference.tag,
      },
    }));
  });
  return { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests };
}

function dockerEntry({ config, layers, references }: SavedImage): object {
  return {
    Config: blobName(config.digest),
    RepoTags: references.length === 0 ? null : references.map(familiarName),
    Layers: layers.map(({ digest }) => blobName(digest)),
  };
}

function document(name: string, content: unknown): File {
  const bytes = Buffer.from(JSON.stringify(content));
  return { name, size: bytes.length, bytes };
}

async function* packed(paths: Paths, file: File, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  signal?.throwIfAborted();
  yield header(file);
  if (file.bytes) yield file.bytes;
  else yield* verified(paths, file.digest as string, signal);
  yield Buffer.alloc(padding(file.size));
}

async function* verified(
  paths: Paths,
  digest: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(blobPath(paths, digest), { highWaterMark: PIECE })) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
    yield chunk as Buffer;
  }
  if (`sha256:${hash.digest("hex")}` !== digest) throw damaged(digest, "damaged");
}

function checkBlob(paths: Paths, digest: string, size: number): void {
  const found = statSync(blobPath(paths, digest), { throwIfNoEntry: false });
  if (found?.size !== size) throw damaged(digest, found ? "damaged" : "missing");
}

function damaged(digest: string, what: string): TsrunError {
  return new TsrunError("ERR_TSRUN_IMAGE_DAMAGED", `the layer blob ${digest} is ${what} on disk`, {
    hint: "`tsrun system check --repair` fetches it again",
  });
}

function header({ name, size }: Pick<File, "name" | "size">): Buffer {
  const isDirectory = name.endsWith("/");
  return encodeHeader({
    type: isDirectory ? "directory" : "file",
    name,
    linkname: "",
    mode: isDirectory ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size,
    mtime: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
  });
}
