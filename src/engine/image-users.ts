/** Which containers hold on to which images. */
import type { Paths } from "../store/paths.ts";
import { mountsOf } from "./mounts.ts";
import { containerIds, readRecord } from "./records.ts";
import type { ImageUser } from "./remove-image.ts";
import { readState } from "./state.ts";
import type { ImageMount } from "./types.ts";

export function imageUsers(paths: Paths): ImageUser[] {
  return containerIds(paths)
    .flatMap((id) => readRecord(paths, id) ?? [])
    .flatMap((record) => {
      const { id, imageId, layers } = record;
      const mounted = mountsOf(record).filter((mount): mount is ImageMount => mount.type === "image");
      const running = readState(paths, id).status === "running";
      return [{ imageId, layers }, ...mounted].map((image) => ({
        containerId: id,
        imageId: image.imageId,
        layers: image.layers,
        running,
      }));
    });
}
