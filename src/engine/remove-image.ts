/** Removing images, by Docker's rules: a name is taken away; the image goes with its last one, unless it is in use. */
import { TsrunError } from "../errors.ts";
import { parseConfiguration } from "../image/config-document.ts";
import { familiarName, parseReference, repositoryOf } from "../image/reference.ts";
import { readBlob } from "../store/blobs.ts";
import { removeUnreferenced } from "../store/collect.ts";
import { forgetImage, readImages, unnameImage } from "../store/images.ts";
import { layerName } from "../store/layers.ts";
import type { Paths } from "../store/paths.ts";
import { recordEvent } from "./events.ts";
import { findImage } from "./resolve-image.ts";

/** What is to be known of a container before its image is removed. */
export interface ImageUser {
  containerId: string;
  imageId: string;
  running: boolean;
  /** Diff ids of the container's layers, which stay on disk whatever happens to the image. */
  layers: readonly string[];
}

export interface RemoveOptions {
  /** Removes the image from stopped containers, and all names of one that is given by its id. */
  force?: boolean;
  /** All containers there are; asked again when layers are about to go. */
  users: () => Iterable<ImageUser>;
}

/** How long a removal waits for pulls under way; after that the content goes with the next removal. */
const COLLECT_TIMEOUT_MS = 1000;

/**
 * Removes a name, or by id an image.
 *
 * @returns familiar names that are gone; the image's id and the layers' diff ids that are
 * @throws TsrunError ERR_TSRUN_IMAGE_NOT_FOUND, ERR_TSRUN_IMAGE_AMBIGUOUS, ERR_TSRUN_IMAGE_IN_USE
 */
export async function removeImage(
  paths: Paths,
  text: string,
  { force = false, users }: RemoveOptions,
): Promise<{ untagged: string[]; deleted: string[] }> {
  const index = readImages(paths);
  const { id, name } = findImage(index, text);
  const names = Object.keys(index.names).filter((key) => index.names[key]?.config === id);
  const using = [...users()].filter((user) => user.imageId === id);
  const leaving = name === undefined ? names : goingWith(name, names);
  const isLast = leaving.length === names.length;

  if (name === undefined) refuseById(id, { names, using, force });
  else if (isLast) refuseByName(text, { id, using, force });
  if (!isLast || (name !== undefined && using.some(({ running }) => running))) {
    const untagged = familiarNames(await unnameImage(paths, leaving));
    recordRemoval(paths, id, { untagged });
    return { untagged, deleted: [] };
  }
  const layers = layersOf(paths, id);
  const untagged = familiarNames(await forgetImage(paths, id));
  recordRemoval(paths, id, { untagged, deleted: true });
  const removed = await collect(paths, users);
  return { untagged, deleted: [id, ...layers.filter((diffId) => removed.has(layerName(diffId)))] };
}

export function recordRemoval(
  paths: Paths,
  id: string,
  { untagged, deleted = false }: { untagged: readonly string[]; deleted?: boolean },
): void {
  for (const name of untagged)
    recordEvent({ paths }, { type: "image", action: "untag", id, attributes: { name } });
  if (deleted) recordEvent({ paths }, { type: "image", action: "delete", id, attributes: { name: id } });
}

/** A tag takes the digests of its repository along where no other tag of the image is left there. */
function goingWith(name: string, names: readonly string[]): string[] {
  const ref = parseReference(name);
  const siblings = names.filter(
    (other) => other !== name && repositoryOf(parseReference(other)) === repositoryOf(ref),
  );
  const hasTag = siblings.some((other) => parseReference(other).digest === undefined);
  return ref.digest !== undefined || hasTag ? [name] : [name, ...siblings];
}

interface Situation {
  using: readonly ImageUser[];
  force: boolean;
}

function refuseByName(text: string, { id, using, force }: Situation & { id: string }): void {
  const [user] = using;
  if (force || user === undefined) return;
  throw inUse(
    `conflict: unable to remove repository reference "${text}" (must force) - container ${short(user.containerId)} is using its referenced image ${short(id)}`,
    `remove the container first (tsrun rm ${short(user.containerId)}), or use --force`,
  );
}

function refuseById(id: string, { names, using, force }: Situation & { names: readonly string[] }): void {
  const refuse = (how: string, why: string, hint: string) => {
    throw inUse(`conflict: unable to delete ${short(id)} (${how}) - ${why}`, hint);
  };
  const running = using.find((user) => user.running);
  if (running !== undefined) {
    const container = short(running.containerId);
    refuse(
      "cannot be forced",
      `image is being used by running container ${container}`,
      `stop it first: tsrun rm -f ${container}`,
    );
  }
  if (force) return;
  const refs = names.map(parseReference);
  const isSingle =
    new Set(refs.map(repositoryOf)).size <= 1 && refs.filter((ref) => ref.tag !== undefined).length <= 1;
  if (!isSingle)
    refuse(
      "must be forced",
      "image is referenced in multiple repositories",
      "remove its names one by one, or use --force",
    );
  const [stopped] = using;
  if (stopped === undefined) return;
  const container = short(stopped.containerId);
  refuse(
    "must be forced",
    `image is being used by stopped container ${container}`,
    `remove it first (tsrun rm ${container}), or use --force`,
  );
}

/** Removes what nothing refers to; returns the names of the layer directories that are gone. */
async function collect(paths: Paths, users: () => Iterable<ImageUser>): Promise<ReadonlySet<string>> {
  const inUse = () => [...users()].flatMap(({ layers }) => layers);
  try {
    return new Set((await removeUnreferenced(paths, inUse, { timeoutMs: COLLECT_TIMEOUT_MS })).layers);
  } catch (error) {
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_LOCK_TIMEOUT") return new Set();
    throw error;
  }
}

/** The diff ids of an image's layers, topmost first; none where its configuration is lost. */
export function layersOf(paths: Paths, id: string): string[] {
  const bytes = readBlob(paths, id);
  if (bytes === undefined) return [];
  return [...new Set(parseConfiguration(bytes).diffIds)].reverse();
}

/** Tags before digests, as Docker prints them. */
export function familiarNames(names: readonly string[]): string[] {
  const refs = names.map(parseReference);
  return [...refs.filter(({ tag }) => tag !== undefined), ...refs.filter(({ tag }) => tag === undefined)].map(
    familiarName,
  );
}

const short = (id: string): string => id.replace("sha256:", "").slice(0, 12);

function inUse(message: string, hint: string): TsrunError {
  return new TsrunError("ERR_TSRUN_IMAGE_IN_USE", message, { hint });
}
