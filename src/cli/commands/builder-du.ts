import { listCache } from "../builder.ts";
import { cacheMatchers } from "../cache-filters.ts";
import { command } from "../command.ts";
import { combine, parseFilter } from "../filters.ts";
import { flag, list, value } from "../option-table.ts";
import { cacheDetails, cacheList, cacheRow, cacheTable } from "../render/cache-row.ts";
import { renderRows } from "../render/rows.ts";
import { humanSize } from "../render/size.ts";
import { table } from "../render/table.ts";

export default command({
  summary: "Show what the build cache takes of the disk",
  usage: "[OPTIONS]",
  forms: ["builder du"],
  examples: [
    "tsrun builder du",
    "tsrun builder du --verbose --filter type=exec.cachemount  # what RUN --mount=type=cache keeps",
    "tsrun builder du --format '{{.ID}} {{.Description}}'",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {
    filter: list("Provide filter values", { metavar: "filter", parse: parseFilter }),
    format: value("Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE', a Go template"),
    verbose: flag("Show each item with everything that is known of it"),
  },
  async run({ options: { filter, format, verbose } }, context) {
    const now = context.now();
    const matches = combine(filter, cacheMatchers(now));
    const items = (await listCache(context)).filter(matches);
    if (format !== undefined) {
      context.out(
        renderRows(
          items.map((item) => cacheRow(item, now)),
          format,
          cacheList,
        ),
      );
      return 0;
    }
    const sum = (all: typeof items) => humanSize(all.reduce((total, { bytes }) => total + bytes, 0));
    const totals = table([
      ["Reclaimable:", sum(items.filter(({ inUse }) => !inUse))],
      ["Total:", sum(items)],
    ]);
    context.out(`${verbose ? cacheDetails(items, now) : cacheTable(items, now)}${totals}`);
    return 0;
  },
});
