/** Which containers hold on to which images. */
import type { Paths } from "../store/paths.ts";
import { containerIds, readRecord } from "./records.ts";
import type { ImageUser } from "./remove-image.ts";
import { readState } from "./state.ts";

export function imageUsers(paths: Paths): ImageUser[] {
  return containerIds(paths)
    .flatMap((id) => readRecord(paths, id) ?? [])
    .map(({ id, imageId, layers }) => ({
      containerId: id,
      imageId,
      layers,
      running: readState(paths, id).status === "running",
    }));
}
