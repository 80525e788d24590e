/** history: the steps by which an image was made, as its configuration tells them. */
import { layerInfo } from "../store/layers.ts";
import type { Paths } from "../store/paths.ts";
import type { ImageHistoryEntry } from "./api.ts";
import { type HistoryEntry, historyOf } from "./new-image.ts";
import { resolveImage } from "./resolve-image.ts";

/** Throws ERR_TSRUN_IMAGE_NOT_FOUND, ERR_TSRUN_IMAGE_DAMAGED. */
export function imageHistory(paths: Paths, text: string): ImageHistoryEntry[] {
  const { id, names, diffIds } = resolveImage(paths, text);
  let layer = 0;
  const sizeOf = ({ empty_layer }: HistoryEntry): number =>
    empty_layer ? 0 : (layerInfo(paths, diffIds[layer++] as string)?.size ?? 0);
  const steps = historyOf(paths, id, diffIds).map((entry) => ({
    id: undefined,
    names: [],
    created: entry.created ?? "",
    createdBy: entry.created_by ?? "",
    comment: entry.comment ?? "",
    size: sizeOf(entry),
  }));
  return steps.reverse().map((step, i) => (i === 0 ? { ...step, id, names } : step));
}
