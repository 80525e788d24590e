import type { ContainerSummary } from "../../engine/types.ts";
import { command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { combine, invalidFilter, type Matchers, matchesLabel, parseFilter } from "../filters.ts";
import { flag, list } from "../option-table.ts";
import { humanSize } from "../render/size.ts";
import { parseMoment } from "../render/time.ts";

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
  options: {
    filter: list('Provide filter values (e.g. "until=<timestamp>")', {
      metavar: "filter",
      parse: parseFilter,
    }),
    force: flag("Do not prompt for confirmation", { short: "f" }),
  },
  async run({ options: { filter, force } }, context) {
    const matches = combine(filter, matchers(context.now()));
    if (!force && !(await confirm(WARNING, context))) return 0;
    const engine = await context.engine();
    const { deleted, bytes } = await engine.pruneContainers({ matches });
    if (deleted.length > 0) context.out(`Deleted Containers:\n${deleted.join("\n")}\n\n`);
    context.out(`Total reclaimed space: ${humanSize(bytes)}\n`);
    return 0;
  },
});

function matchers(now: number): Matchers<ContainerSummary> {
  return {
    label:
      (value) =>
      ({ record }) =>
        matchesLabel(value, record.labels),
    "label!":
      (value) =>
      ({ record }) =>
        !matchesLabel(value, record.labels),
    until: (value) => {
      const limit = moment(value, now);
      return ({ record }) => Date.parse(record.createdAt) < limit;
    },
  };
}

/** Milliseconds since 1970. */
function moment(value: string, now: number): number {
  try {
    const text = parseMoment(value, now);
    return /^[\d.]+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  } catch {
    throw invalidFilter(
      "until",
      value,
      "it takes a time such as 2013-01-02T13:23:37Z or a duration such as 42m",
    );
  }
}
