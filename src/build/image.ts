/** The image that a stage becomes. */
import type { HistoryEntry } from "../engine/new-image.ts";
import type { ImageConfig } from "../image/config-document.ts";
import type { Platform } from "../image/platform.ts";
import type { Execution } from "./execute.ts";
import type { HistoryLine, Stage } from "./graph/types.ts";
import type { Snapshot } from "./layers.ts";
import type { BuildOptions } from "./types.ts";

export interface FinishedImage {
  readonly platform: Platform;
  readonly author: string | undefined;
  readonly created: string | undefined;
  readonly config: ImageConfig;
  /** Diff ids, lowest first. */
  readonly layers: readonly string[];
  readonly history: readonly HistoryEntry[];
}

const COMMENT = "buildkit.dockerfile.v0";

/** Configuration and history of a stage that was executed; waits for its layers to be the store's. */
export async function finishImage(
  { stage, snapshot }: { stage: Stage; snapshot: Snapshot },
  execution: Execution,
  options: Pick<BuildOptions, "labels" | "sourceDateEpoch" | "squash">,
): Promise<FinishedImage> {
  const { platform, author } = stage;
  const dated = datedHistory(stage.history, execution, options.sourceDateEpoch);
  const history = options.squash ? squashedHistory(dated, stage.history) : dated;
  const labels = { ...stage.config.Labels, ...options.labels };
  return {
    platform,
    author: author === "" ? undefined : author,
    created: history.at(-1)?.created ?? (stage.history.length === 0 ? undefined : new Date(0).toISOString()),
    config: { ...stage.config, ...(Object.keys(labels).length > 0 && { Labels: labels }) },
    layers: await Promise.all(snapshot.layers.map(({ stored }) => stored)),
    history,
  };
}

/**
 * Instructions without a layer have the time of the layer before them, or of the first that is new: so a build that finds
 * everything in its cache leads to the same image again.
 */
function datedHistory(
  lines: readonly HistoryLine[],
  execution: Execution,
  epoch: number | undefined,
): HistoryEntry[] {
  const fixed = epoch === undefined ? undefined : new Date(epoch * 1000).toISOString();
  const createdOf = (line: HistoryLine): string | undefined =>
    line.kind === "own" && line.step ? execution.outcomeOf(line.step)?.created : undefined;
  const firstNew = lines.map(createdOf).find((time) => time !== undefined);
  const lastOfBase = lines.findLast((line) => line.kind === "base" && line.entry.created);
  let time = firstNew ?? (lastOfBase?.kind === "base" ? lastOfBase.entry.created : undefined);
  return lines.map((line) => {
    if (line.kind === "base") return line.entry;
    time = createdOf(line) ?? time;
    const created = fixed ?? time;
    const hasLayer = line.step !== undefined && execution.outcomeOf(line.step)?.layer !== undefined;
    return {
      ...(created !== undefined && { created }),
      created_by: line.createdBy,
      comment: COMMENT,
      ...(!hasLayer && { empty_layer: true }),
    };
  });
}

/** The one layer is the last line's; docker says where it comes from. */
function squashedHistory(entries: readonly HistoryEntry[], lines: readonly HistoryLine[]): HistoryEntry[] {
  const isOwn = (index: number): boolean => lines[index]?.kind === "own";
  const hasLayer = entries.some((entry, index) => isOwn(index) && !entry.empty_layer);
  const emptied = entries.map((entry, index) => (isOwn(index) ? { ...entry, empty_layer: true } : entry));
  const created = entries.at(-1)?.created;
  return hasLayer
    ? [...emptied, { ...(created !== undefined && { created }), comment: "merged layers" }]
    : emptied;
}
