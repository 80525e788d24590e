import type { ImageDetails, PrunedImages } from "../../engine/api.ts";
import { type Context, command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { combine } from "../filters.ts";
import { flag } from "../option-table.ts";
import { type Prunable, pruneFlags, pruneMatchers } from "../prune-filters.ts";
import { humanSize } from "../render/size.ts";

const WARNING_DANGLING = "WARNING! This will remove all dangling images.";
const WARNING_ALL = "WARNING! This will remove all images without at least one container associated to them.";

export default command({
  summary: "Remove unused images",
  usage: "[OPTIONS]",
  forms: ["image prune"],
  examples: [
    "tsrun image prune  # images without a name, and what interrupted pulls have left",
    "tsrun image prune -a -f --filter until=240h  # made more than ten days ago and used by no container",
    "tsrun image prune -a --filter label!=keep",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {
    all: flag("Remove all unused images, not just dangling ones", { short: "a" }),
    ...pruneFlags,
  },
  async run({ options: { all, filter, force } }, context) {
    const matches = combine(filter, pruneMatchers(prunableImage, context.now()));
    if (!force && !(await confirm(all ? WARNING_ALL : WARNING_DANGLING, context))) return 0;
    const engine = await context.engine();
    const pruned = await engine.images.prune({ all, ...(filter.length > 0 && { matches }) });
    printPrunedImages(pruned, context);
    context.out(`Total reclaimed space: ${humanSize(pruned.bytes)}\n`);
    return 0;
  },
});

/** What its filters look at. */
export const prunableImage = ({ config, created }: ImageDetails): Prunable => ({
  labels: config.Labels ?? {},
  created,
});

/** Docker's list of what is gone, and a word where not all of it could go. */
export function printPrunedImages({ untagged, deleted, complete }: PrunedImages, context: Context): void {
  const lines = [...untagged.map((name) => `untagged: ${name}`), ...deleted.map((id) => `deleted: ${id}`)];
  if (lines.length > 0) context.out(`Deleted Images:\n${lines.join("\n")}\n\n`);
  if (complete) return;
  context.err(
    "WARNING: another command is bringing images in: what they may need was kept, prune again when it is done\n",
  );
}
