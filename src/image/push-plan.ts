/** What is to be pushed for a name: an index with all of its images where all are here, else one image. */
import { TsrunError } from "../errors.ts";
import { blobPath, hasBlob, readBlob } from "../store/blobs.ts";
import type { ImageRecord } from "../store/images.ts";
import type { Paths } from "../store/paths.ts";
import { parseConfiguration } from "./config-document.ts";
import { choosePlatform, type Descriptor, type Index, type Manifest, parseManifest } from "./manifest.ts";
import { formatPlatform, type Platform, rank } from "./platform.ts";
import type { PushedManifest } from "./registry-push.ts";

export interface PlannedBlob extends Descriptor {
  /** Undefined for a configuration, and where an index has a layer whose diff id is not known. */
  diffId: string | undefined;
  /** The file that has it; undefined where the store has not. */
  path: string | undefined;
}

export interface PlannedManifest extends PushedManifest {
  /** Lowest layer first, the configuration last; none of an index. */
  blobs: PlannedBlob[];
}

export interface PushPlan {
  /** In the order to push them; the last gets the tag. */
  manifests: PlannedManifest[];
  /** The index that is not pushed, because the store has not all of it. */
  insteadOf: string | undefined;
  /** The image that the name stands for here, of what is pushed. */
  record: ImageRecord;
}

export interface PlanOptions {
  /** Familiar, for messages. */
  name: string;
  /** Only this platform's image, by its own manifest. */
  platform: Platform | undefined;
  /** Whether the repository has a manifest already, of an index some of whose images are not here. */
  isThere(digest: string): Promise<boolean>;
}

const NESTING_LIMIT = 4;
/** Layers that are not to be distributed: OCI's and Docker's media types of them. */
const UNDISTRIBUTABLE = /nondistributable|foreign/;

export const isDistributable = (mediaType: string): boolean => !UNDISTRIBUTABLE.test(mediaType);

/** @throws TsrunError ERR_TSRUN_IMAGE_DAMAGED, ERR_TSRUN_PLATFORM_NOT_FOUND */
export async function planPush(paths: Paths, record: ImageRecord, options: PlanOptions): Promise<PushPlan> {
  const { name, platform } = options;
  const bytes = readBlob(paths, record.target.digest);
  const document = bytes && parseManifest(bytes, record.target.mediaType);
  if (document?.kind !== "index" || bytes === undefined) {
    const plan = single(paths, record.manifest, name);
    if (platform !== undefined) checkPlatform(paths, record, { name, platform });
    return plan;
  }
  if (platform !== undefined) return single(paths, memberFor(paths, document, { name, platform }), name);
  const members = await membersOf(paths, document, { ...options, depth: 1 });
  if (members === undefined)
    return { ...single(paths, record.manifest, name), insteadOf: record.target.digest };
  const index: PlannedManifest = { ...record.target, bytes, blobs: [] };
  return { manifests: [...members, index], insteadOf: undefined, record };
}

/** The plan of one image by its manifest. */
function single(paths: Paths, digest: string, name: string): PushPlan {
  const bytes = readBlob(paths, digest);
  if (bytes === undefined) throw damaged(name, `its manifest ${digest}`);
  const document = parseManifest(bytes, "");
  if (document.kind === "index") throw damaged(name, `the manifest behind ${digest}`);
  const { mediaType, config } = document;
  const record: ImageRecord = { target: { digest, mediaType }, manifest: digest, config: config.digest };
  const manifest: PlannedManifest = { digest, mediaType, bytes, blobs: blobsOf(paths, document) };
  return { manifests: [manifest], insteadOf: undefined, record };
}

function blobsOf(paths: Paths, { config, layers }: Manifest): PlannedBlob[] {
  const configBytes = readBlob(paths, config.digest);
  const diffIds = configBytes === undefined ? [] : parseConfiguration(configBytes).diffIds;
  const planned = (blob: Descriptor, diffId?: string): PlannedBlob => {
    const path = hasBlob(paths, blob.digest) ? blobPath(paths, blob.digest) : undefined;
    return { ...blob, diffId, path };
  };
  return [...layers.map((layer, i) => planned(layer, diffIds[i])), planned(config)];
}

/** The manifests of an index, innermost first; undefined where some are neither here, with all of theirs, nor there. */
async function membersOf(
  paths: Paths,
  index: Index,
  options: PlanOptions & { depth: number },
): Promise<PlannedManifest[] | undefined> {
  const all: PlannedManifest[] = [];
  for (const member of index.manifests) {
    const planned = await memberOf(paths, member, options);
    if (planned !== undefined) all.push(...planned);
    else if (!(await options.isThere(member.digest))) return undefined;
  }
  return all;
}

async function memberOf(
  paths: Paths,
  { digest, mediaType }: Descriptor,
  options: PlanOptions & { depth: number },
): Promise<PlannedManifest[] | undefined> {
  const bytes = readBlob(paths, digest);
  if (bytes === undefined) return undefined;
  const document = parseManifest(bytes, mediaType);
  const manifest = { digest, mediaType: document.mediaType, bytes };
  if (document.kind === "index") {
    if (options.depth === NESTING_LIMIT) return undefined;
    const inner = await membersOf(paths, document, { ...options, depth: options.depth + 1 });
    return inner && [...inner, { ...manifest, blobs: [] }];
  }
  const blobs = blobsOf(paths, document);
  return blobs.every((blob) => blob.path !== undefined || !isDistributable(blob.mediaType))
    ? [{ ...manifest, blobs }]
    : undefined;
}

/** The digest of the manifest that an index has for a platform, where the store has it too. */
function memberFor(
  paths: Paths,
  index: Index,
  { name, platform }: { name: string; platform: Platform },
): string {
  const { digest, mediaType } = choosePlatform(index, platform);
  const bytes = readBlob(paths, digest);
  if (bytes === undefined) throw notHere(name, platform);
  const document = parseManifest(bytes, mediaType);
  return document.kind === "index" ? memberFor(paths, document, { name, platform }) : digest;
}

function checkPlatform(
  paths: Paths,
  { config }: ImageRecord,
  { name, platform }: { name: string; platform: Platform },
): void {
  const bytes = readBlob(paths, config);
  if (bytes === undefined) throw damaged(name, "its configuration");
  const actual = parseConfiguration(bytes).platform;
  if (rank(platform, actual) >= 0) return;
  const message = `image with reference ${name} was found but does not match the specified platform: wanted ${formatPlatform(platform)}, actual: ${formatPlatform(actual)}`;
  throw new TsrunError("ERR_TSRUN_PLATFORM_NOT_FOUND", message, { hint: "leave --platform out" });
}

function notHere(name: string, platform: Platform): TsrunError {
  const wanted = formatPlatform(platform);
  const message = `image with reference ${name} was found but its content for the specified platform (${wanted}) is not here`;
  return new TsrunError("ERR_TSRUN_PLATFORM_NOT_FOUND", message, {
    hint: `pull it first: tsrun pull --platform ${wanted} ${name}`,
  });
}

export function damaged(name: string, what: string): TsrunError {
  return new TsrunError("ERR_TSRUN_IMAGE_DAMAGED", `${what} of image ${name} is lost or damaged on disk`, {
    hint: "`tsrun system check --repair` fetches it again",
  });
}
