import { listCache } from "../builder.ts";
import { command } from "../command.ts";
import { flag, value } from "../option-table.ts";
import { renderDocuments } from "../render/documents.ts";
import { renderRows } from "../render/rows.ts";
import { usageDetails, usageList, usageReport, usageRows } from "../render/usage-rows.ts";

export default command({
  summary: "Show disk usage, to the block",
  usage: "[OPTIONS]",
  forms: ["system df"],
  examples: [
    "tsrun system df",
    "tsrun system df -v  # each image, container and volume",
    "tsrun system df --format '{{.Type}} {{.Bytes}}'  # what du says, in bytes",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {
    format: value("Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE', a Go template"),
    verbose: flag("Show detailed information on space usage", { short: "v" }),
  },
  async run({ options: { format = "", verbose } }, context) {
    const usage = await (await context.engine()).system.diskUsage();
    if (!verbose) {
      context.out(renderRows(usageRows(usage), format, usageList));
      return 0;
    }
    const details = { now: context.now(), cache: await listCache(context) };
    if (format === "" || format === "table") context.out(usageReport(usage, details));
    else context.out(renderDocuments([usageDetails(usage, details)], format));
    return 0;
  },
});
