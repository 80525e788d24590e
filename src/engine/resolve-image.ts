/**
 * Finding an image in the store by name or id. `run` of a present image passes here: three small files are read
 * synchronously, and nothing that pulls is loaded.
 */
import { TsrunError } from "../errors.ts";
import { type ImageConfiguration, parseConfiguration } from "../image/config-document.ts";
import { canonicalName, familiarName, parseReference, type Reference } from "../image/reference.ts";
import { readBlobUnverified } from "../store/blobs.ts";
import { type ImageIndex, type ImageRecord, imagesStamp, readImages } from "../store/images.ts";
import type { Paths } from "../store/paths.ts";
import { frozen, remembering } from "./remember.ts";

export interface FoundImage {
  /** Digest of the configuration. */
  id: string;
  record: ImageRecord;
  /** The canonical name that was asked for; undefined where it was an id. */
  name: string | undefined;
}

export interface ResolvedImage extends ImageConfiguration {
  id: string;
  /** Of the manifest or index that the image was pulled by. */
  targetDigest: string;
  /** Familiar names: "alpine:latest". */
  names: string[];
  /** Familiar names by digest: "alpine@sha256:…". */
  digests: string[];
}

/**
 * The image that a user means by a name, an id, or the unambiguous beginning of an id.
 *
 * @throws TsrunError ERR_TSRUN_IMAGE_NOT_FOUND, ERR_TSRUN_IMAGE_AMBIGUOUS, ERR_TSRUN_REFERENCE_INVALID,
 *   ERR_TSRUN_IMAGE_DAMAGED
 */
export function resolveImage(paths: Paths, text: string): ResolvedImage {
  const index = readImages(paths);
  return describeImage(paths, index, findImage(index, text));
}

/** The same for a container: found again while images.json stays the file that it is, and not to be changed. */
export function resolveImageAgain(paths: Paths, text: string): ResolvedImage {
  const stamp = imagesStamp(paths);
  if (stamp === undefined) return resolveImage(paths, text);
  return resolved([paths.root, stamp, text].join("\0"), () => frozen(resolveImage(paths, text)));
}

const resolved = remembering<ResolvedImage>(16);

/** As `resolveImage`, in an index that was read already and without the configuration. */
export function findImage(index: ImageIndex, text: string): FoundImage {
  const prefix = idPrefix(text);
  const ref = parseUnlessId(text, prefix);
  if (ref !== undefined) {
    const name = canonicalName(ref);
    const record = Object.hasOwn(index.names, name) ? index.names[name] : undefined;
    if (record !== undefined) return { id: record.config, record, name };
  }
  const found = prefix === undefined ? [] : Object.keys(index.known).filter((id) => id.startsWith(prefix));
  if (found.length > 1) {
    throw new TsrunError(
      "ERR_TSRUN_IMAGE_AMBIGUOUS",
      `${found.length} images have ids that begin with ${text}`,
      {
        hint: "give more digits of the id",
      },
    );
  }
  const [id] = found;
  if (id === undefined) {
    throw new TsrunError(
      "ERR_TSRUN_IMAGE_NOT_FOUND",
      `No such image: ${ref === undefined ? text : familiarName(ref)}`,
      {
        hint: "`tsrun images` lists what is here, `tsrun pull` brings an image",
      },
    );
  }
  return { id, record: index.known[id] as ImageRecord, name: undefined };
}

/** Adds an image's names and configuration. */
export function describeImage(paths: Paths, index: ImageIndex, { id, record }: FoundImage): ResolvedImage {
  const bytes = readBlobUnverified(paths, id);
  const { names, digests } = namesOf(index, id);
  if (bytes === undefined) {
    const name = names[0] ?? digests[0] ?? id;
    throw new TsrunError(
      "ERR_TSRUN_IMAGE_DAMAGED",
      `the configuration of image ${name} is lost or damaged on disk`,
      {
        hint: "pull it again, or remove it with `tsrun rmi`",
      },
    );
  }
  return { id, targetDigest: record.target.digest, names, digests, ...parseConfiguration(bytes) };
}

/** The configuration of an image by its id; undefined where the image is gone. */
export function findImageConfiguration(paths: Paths, id: string): ImageConfiguration | undefined {
  const bytes = readBlobUnverified(paths, id);
  return bytes && parseConfiguration(bytes);
}

/** The familiar names of an image, by tag and by digest. */
export function namesOf(index: ImageIndex, id: string): { names: string[]; digests: string[] } {
  const refs = Object.keys(index.names)
    .filter((name) => index.names[name]?.config === id)
    .map(parseReference);
  return {
    names: refs.filter((ref) => ref.digest === undefined).map(familiarName),
    digests: refs.filter((ref) => ref.digest !== undefined).map(familiarName),
  };
}

function idPrefix(text: string): string | undefined {
  const hex = /^(?:sha256:)?([a-f0-9]{1,64})$/.exec(text)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/** 64 digits are no valid name, but may be an id. */
function parseUnlessId(text: string, prefix: string | undefined): Reference | undefined {
  return prefix?.length === "sha256:".length + 64 ? undefined : parseReference(text);
}
