import { command } from "../command.ts";
import { flag, refused, value } from "../option-table.ts";
import { historyList, historyRow } from "../render/history-row.ts";
import { renderRows } from "../render/rows.ts";

export default command({
  summary: "Show the history of an image",
  usage: "[OPTIONS] IMAGE",
  forms: ["image history", "history"],
  examples: [
    "tsrun history alpine",
    "tsrun history --no-trunc --format '{{.CreatedBy}}' alpine  # the whole commands",
    "tsrun history -H=false alpine  # sizes in bytes, times to the second",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: {
    format: value("Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE', a Go template"),
    human: flag("Print sizes and dates in human readable format", { short: "H", default: true }),
    "no-trunc": flag("Don't truncate output"),
    platform: refused("an image is kept for one platform"),
    quiet: flag("Only show image IDs", { short: "q" }),
  },
  async run(
    { options: { format = "", human, "no-trunc": whole, quiet }, positionals: [image = ""] },
    context,
  ) {
    const steps = await (await context.engine()).images.history(image);
    const rows = steps.map((step) => historyRow(step, { human, truncate: !whole, now: context.now() }));
    if (quiet && format === "") context.out(rows.map(({ ID }) => `${ID}\n`).join(""));
    else context.out(renderRows(rows, format, historyList(human)));
    return 0;
  },
});
