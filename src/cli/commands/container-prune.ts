import type { ContainerSummary } from "../../engine/types.ts";
import { command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { combine } from "../filters.ts";
import { type Prunable, pruneFlags, pruneMatchers } from "../prune-filters.ts";
import { humanSize } from "../render/size.ts";

const WARNING = "WARNING! This will remove all stopped containers.";

export default command({
  summary: "Remove all stopped containers",
  usage: "[OPTIONS]",
  forms: ["container prune"],
  examples: [
    "tsrun container prune",
    "tsrun container prune -f --filter until=24h  # created more than a day ago",
    "tsrun container prune -f --filter label=ci --filter label!=keep",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: pruneFlags,
  async run({ options: { filter, force } }, context) {
    const matches = combine(filter, pruneMatchers(prunableContainer, context.now()));
    if (!force && !(await confirm(WARNING, context))) return 0;
    const engine = await context.engine();
    const { deleted, bytes } = await engine.prune({ matches });
    if (deleted.length > 0) context.out(`Deleted Containers:\n${deleted.join("\n")}\n\n`);
    context.out(`Total reclaimed space: ${humanSize(bytes)}\n`);
    return 0;
  },
});

/** What its filters look at. */
export const prunableContainer = ({ record }: ContainerSummary): Prunable => ({
  labels: record.labels,
  created: record.createdAt,
});
