/** image prune: images without a name, or all that no container was made of, and the content that nothing needs. */
import { TsrunError } from "../errors.ts";
import { type Collected, removeUnreferenced } from "../store/collect.ts";
import { forgetImage, readImages } from "../store/images.ts";
import { layerName } from "../store/layers.ts";
import type { Paths } from "../store/paths.ts";
import type { ImageDetails, PrunedImages, PruneImagesOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { recordEvent } from "./events.ts";
import { imageUsers } from "./image-users.ts";
import { inspectImage } from "./images.ts";
import { familiarNames, layersOf, recordRemoval } from "./remove-image.ts";
import { namesOf } from "./resolve-image.ts";

/** How long to wait for pulls and other commands that hold the store. */
const COLLECT_TIMEOUT_MS = 10_000;

/**
 * Images are chosen while nobody holds the store, so that none goes that a container is just being made of. Where that
 * moment does not come (a long pull), they are chosen all the same, and their content stays until the next removal.
 */
export async function pruneImages(
  context: EngineContext,
  options: PruneImagesOptions = {},
): Promise<PrunedImages> {
  const { paths } = context;
  const { signal } = options;
  let forgotten: Forgotten[] = [];
  const forget = async () => {
    forgotten = await forgetUnused(paths, options);
  };
  const inUse = () => imageUsers(paths).flatMap(({ layers }) => layers);
  const wait = { timeoutMs: COLLECT_TIMEOUT_MS, ...(signal ? { signal } : {}) };
  const collected = await removeUnreferenced(paths, inUse, { ...wait, first: forget }).catch(ifBusy);
  if (collected === undefined) await forget();
  for (const { id, untagged } of forgotten) recordRemoval(paths, id, { untagged, deleted: true });
  const bytes = collected?.bytes ?? 0;
  const attributes = { reclaimed: String(bytes) };
  recordEvent(context, { type: "image", action: "prune", id: "", attributes });
  const gone = new Set(collected?.layers);
  const layers = new Set(
    forgotten.flatMap(({ layers }) => layers).filter((diffId) => gone.has(layerName(diffId))),
  );
  return {
    untagged: forgotten.flatMap(({ untagged }) => untagged),
    deleted: [...forgotten.map(({ id }) => id), ...layers],
    bytes,
    complete: collected !== undefined,
  };
}

interface Forgotten {
  id: string;
  untagged: string[];
  /** Diff ids. */
  layers: string[];
}

async function forgetUnused(
  paths: Paths,
  { all = false, matches }: PruneImagesOptions,
): Promise<Forgotten[]> {
  const index = readImages(paths);
  const used = new Set(imageUsers(paths).map(({ imageId }) => imageId));
  const forgotten: Forgotten[] = [];
  for (const id of Object.keys(index.known)) {
    const isDangling = namesOf(index, id).names.length === 0;
    if (used.has(id) || !(all || isDangling)) continue;
    if (matches && !matchesDetails(paths, id, matches)) continue;
    const layers = layersOf(paths, id);
    forgotten.push({ id, layers, untagged: familiarNames(await forgetImage(paths, id)) });
  }
  return forgotten;
}

/** An image that has lost its configuration matches no filter. */
function matchesDetails(paths: Paths, id: string, matches: (image: ImageDetails) => boolean): boolean {
  try {
    return matches(inspectImage(paths, id));
  } catch (error) {
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_IMAGE_DAMAGED") return false;
    throw error;
  }
}

function ifBusy(error: unknown): Collected | undefined {
  if (error instanceof TsrunError && error.code === "ERR_TSRUN_LOCK_TIMEOUT") return undefined;
  throw error;
}
