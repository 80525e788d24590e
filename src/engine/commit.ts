/** commit: an image of a container as it is now. */
import { closeSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { hostPlatform, type Platform } from "../image/platform.ts";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import { holdStore } from "../store/images.ts";
import { layerInfo } from "../store/layers.ts";
import { layerFromTar } from "../store/new-layer.ts";
import { packLayer } from "../store/pack/layer.ts";
import type { Paths } from "../store/paths.ts";
import type { CommitOptions } from "./api.ts";
import { imageConfigOf } from "./container-config.ts";
import { type HeldContainer, holdContainer } from "./container-root.ts";
import type { EngineContext } from "./context.ts";
import { containerChanges, openUpper } from "./diff.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { applyChanges } from "./image-changes.ts";
import { historyOf, nameForNewImage, writeImage } from "./new-image.ts";
import { findImageConfiguration } from "./resolve-image.ts";
import type { ContainerRecord } from "./types.ts";

/**
 * The image's layers, one more of what the container has written (none where that is nothing), and the configuration
 * that the container was made with. Throws ERR_TSRUN_CONTAINER_NOT_FOUND, ERR_TSRUN_REFERENCE_INVALID,
 * ERR_TSRUN_CHANGE_INVALID, ERR_TSRUN_LAYER_NOT_PORTABLE.
 */
export async function commitContainer(
  context: EngineContext,
  reference: string,
  options: CommitOptions = {},
): Promise<{ id: string }> {
  const { paths } = context;
  const { author, message, changes = [], signal } = options;
  const names = options.reference === undefined ? [] : [nameForNewImage(options.reference)];
  using _store = await holdStore(paths, signal ? { signal } : {});
  using held = await holdContainer(paths, reference);
  const { record } = held;
  const original = imageConfigOf(record);
  const config = applyChanges(original, changes);
  const lost = record.layers.find((diffId) => layerInfo(paths, diffId) === undefined);
  if (lost !== undefined) {
    throw new TsrunError(
      "ERR_TSRUN_IMAGE_DAMAGED",
      `layer ${lost} of the container's image is missing on disk`,
      {
        hint: `pull ${record.image} again`,
      },
    );
  }
  const layer = await paused(held, options.pause ?? true, () => newLayer(paths, record, signal));
  const id = await writeImage(paths, {
    platform: platformOf(paths, record),
    author,
    comment: message,
    config,
    layers: layer === undefined ? record.layers : [...record.layers, layer],
    history: [
      ...historyOf(paths, record.imageId, record.layers),
      {
        created: new Date().toISOString(),
        // What has run, which a change of CMD is no part of.
        created_by: (original.Cmd ?? []).join(" "),
        ...(author ? { author } : {}),
        ...(message ? { comment: message } : {}),
        ...(layer === undefined ? { empty_layer: true } : {}),
      },
    ],
    names,
  });
  const attributes = { comment: message ?? "", imageID: id, imageRef: options.reference ?? "" };
  recordEvent(context, containerEvent(record, "commit", attributes));
  return { id };
}

/** The diff id of what the container has written, undefined where that is nothing. */
async function newLayer(
  paths: Paths,
  record: ContainerRecord,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const upper = openUpper(paths, record);
  try {
    const { omitted } = containerChanges(paths, record, upper);
    const tar = packLayer(upper, { omits: (path) => omitted.has(path), signal });
    return (await layerFromTar(paths, tar, { signal }))?.diffId;
  } finally {
    closeSync(upper);
  }
}

/** Runs `act` while the container's processes, if there are any, stand still; as they do anyway where it is paused. */
async function paused<T>(
  { record, running }: HeldContainer,
  pause: boolean,
  act: () => Promise<T>,
): Promise<T> {
  if (!running || !pause) return act();
  const cgroup = detectCgroupDriver().open(record.cgroupPath);
  if (cgroup.frozen()) return act();
  await cgroup.freeze();
  try {
    return await act();
  } finally {
    await cgroup.thaw();
  }
}

function platformOf(paths: Paths, { imageId }: ContainerRecord): Platform {
  return findImageConfiguration(paths, imageId)?.platform ?? hostPlatform();
}
