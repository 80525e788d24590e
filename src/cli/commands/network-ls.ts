import { command } from "../command.ts";
import { combine, parseFilter } from "../filters.ts";
import { networkMatchers } from "../network-filters.ts";
import { flag, list, value } from "../option-table.ts";
import { networkList, networkRow } from "../render/network-row.ts";
import { renderRows } from "../render/rows.ts";

export default command({
  summary: "List networks",
  usage: "[OPTIONS]",
  forms: ["network ls", "network list"],
  examples: [
    "tsrun network ls",
    "tsrun network ls --filter type=custom  # those that users have made",
    "tsrun network ls --format '{{.Name}} {{.Driver}} {{.Internal}}'",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {
    filter: list('Provide filter values (e.g. "driver=bridge")', {
      short: "f",
      metavar: "filter",
      parse: parseFilter,
    }),
    format: value("Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE', a Go template"),
    "no-trunc": flag("Do not truncate the output"),
    quiet: flag("Only display network IDs", { short: "q" }),
  },
  async run({ options: { filter, format = "", "no-trunc": whole, quiet } }, context) {
    const matches = combine(filter, networkMatchers);
    const engine = await context.engine();
    const rows = (await engine.networks.list())
      .filter(matches)
      .map((network) => networkRow(network, { truncate: !whole }));
    if (quiet && format === "") context.out(rows.map((row) => `${row.ID}\n`).join(""));
    else context.out(renderRows(rows, format, networkList));
    return 0;
  },
});
