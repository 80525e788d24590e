/** An OCI image layout (image-spec image-layout.md): which images its index names, and the layout as their source. */
import { digestOf } from "../../store/digest.ts";
import { verifyDigest } from "../digest.ts";
import {
  choosePlatform,
  type Descriptor,
  type Index,
  MANIFEST_TYPES,
  parseManifest,
  parseObject,
} from "../manifest.ts";
import { formatPlatform, hostPlatform, type Platform, rank } from "../platform.ts";
import type { ImageSource } from "../source.ts";
import { type ArchiveFiles, blobName, invalidArchive, missingFile, readDocument } from "./files.ts";

export interface LayoutImage {
  /** Of a manifest, or of an index of several. */
  descriptor: Descriptor;
  /** References as they are written there. */
  names: string[];
}

const INDEX = "index.json";
const VERSION_FILE = "oci-layout";
/** containerd's annotation has the whole name; the specification's has whatever the layout's maker calls the image. */
const NAME = "io.containerd.image.name";
const REF_NAME = "org.opencontainers.image.ref.name";

export const isLayout = (files: ArchiveFiles): boolean => files.size(INDEX) !== undefined;

/** The images of a layout, each with all its names; several platforms under one name are one image of this platform. */
export async function layoutImages(
  files: ArchiveFiles,
  platform: Platform | undefined,
): Promise<LayoutImage[]> {
  if (files.size(VERSION_FILE) !== undefined) checkVersion(await readDocument(files, VERSION_FILE));
  const bytes = await readDocument(files, INDEX);
  const index = parseManifest(bytes, "");
  if (index.kind !== "index") throw invalidArchive(`its ${INDEX} is no index`);
  const { manifests } = parseObject(bytes, INDEX) as { manifests: { annotations?: unknown }[] };
  const entries = index.manifests.map((descriptor, i) => ({
    descriptor,
    name: nameOf(manifests[i]?.annotations),
  }));
  const images = new Map<string, LayoutImage>();
  for (const [name, group] of Map.groupBy(entries, (entry) => entry.name)) {
    const descriptors = distinct(group.map(({ descriptor }) => descriptor)).filter(isImage);
    const chosen =
      name === undefined || descriptors.length < 2
        ? descriptors
        : [choosePresent(files, { ...index, manifests: descriptors }, platform)];
    for (const descriptor of chosen) {
      const image = images.get(descriptor.digest) ?? { descriptor, names: [] };
      images.set(descriptor.digest, { ...image, names: [...image.names, ...(name ? [name] : [])] });
    }
  }
  if (images.size === 0) throw invalidArchive("there is no image in it");
  return [...images.values()];
}

/** The layout as a source of images; its tags are of no interest, everything is asked for by digest. */
export function layoutSource(files: ArchiveFiles): ImageSource {
  const verified = async (digest: string, what: string): Promise<Buffer> => {
    const bytes = await readDocument(files, blobName(digest));
    verifyDigest(what, bytes, digest);
    return bytes;
  };
  return {
    manifest: async (digest) => {
      const bytes = await verified(digest, `the manifest ${digest}`);
      return { bytes, mediaType: "", digest: digestOf(bytes) };
    },
    resolveTag: async () => undefined,
    document: ({ digest }, what) => verified(digest, `the ${what} ${digest}`),
    layer: ({ digest }) => files.stream(blobName(digest)),
    [Symbol.dispose]() {},
  };
}

/**
 * Chooses among the manifests that are there: archives of one platform may have an index of all. Where no platform
 * is asked for and only one is there, that one is meant.
 */
export function choosePresent(files: ArchiveFiles, index: Index, platform: Platform | undefined): Descriptor {
  const manifests = index.manifests.filter(({ digest }) => files.size(blobName(digest)) !== undefined);
  const [first] = index.manifests;
  if (manifests.length === 0)
    throw first ? missingFile(blobName(first.digest)) : invalidArchive("it has an empty index");
  const images = manifests.filter(isImage);
  const [only] = images;
  const wanted = platform ?? hostPlatform();
  const isWanted = ({ platform: own }: Descriptor) => own === undefined || rank(wanted, own) >= 0;
  if (platform === undefined && only !== undefined && images.length === 1 && !isWanted(only)) return only;
  return choosePlatform({ ...index, manifests }, wanted);
}

/** Attestations stand in an index as images of no platform. */
const isImage = ({ mediaType, platform }: Descriptor): boolean =>
  MANIFEST_TYPES.includes(mediaType) &&
  (platform === undefined || formatPlatform(platform) !== "unknown/unknown");

function distinct(descriptors: readonly Descriptor[]): Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()];
}

/** A word alone may be a tag or a repository: no name at all is better than a wrong one. */
function nameOf(annotations: unknown): string | undefined {
  const all = (annotations ?? {}) as Record<string, unknown>;
  const isName = (value: unknown) => typeof value === "string" && /[:/]/.test(value);
  return [all[NAME], all[REF_NAME]].find(isName) as string | undefined;
}

function checkVersion(bytes: Buffer): void {
  const { imageLayoutVersion } = parseObject(bytes, VERSION_FILE);
  if (imageLayoutVersion !== "1.0.0")
    throw invalidArchive(`its layout has version ${JSON.stringify(imageLayoutVersion)}, not 1.0.0`);
}
