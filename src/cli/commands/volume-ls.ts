import { command } from "../command.ts";
import { combine, parseFilter } from "../filters.ts";
import { flag, list, refused, value } from "../option-table.ts";
import { renderRows } from "../render/rows.ts";
import { volumeList, volumeRow } from "../render/volume-row.ts";
import { volumeMatchers } from "../volume-filters.ts";

export default command({
  summary: "List volumes",
  usage: "[OPTIONS]",
  forms: ["volume ls", "volume list"],
  examples: [
    "tsrun volume ls",
    "tsrun volume ls -q --filter dangling=true  # that no container has",
    "tsrun volume ls --format '{{.Name}} {{.Mountpoint}}'",
  ],
  arguments: { min: 0, max: 0 },
  interspersed: true,
  options: {
    cluster: refused("volumes of a cluster are a matter of its orchestrator"),
    filter: list('Provide filter values (e.g. "dangling=true")', {
      short: "f",
      metavar: "filter",
      parse: parseFilter,
    }),
    format: value("Format output: 'table', 'table TEMPLATE', 'json' or 'TEMPLATE', a Go template"),
    quiet: flag("Only display volume names", { short: "q" }),
  },
  async run({ options: { filter, format = "", quiet } }, context) {
    const matches = combine(filter, volumeMatchers);
    const engine = await context.engine();
    const rows = (await engine.volumes.list()).filter(matches).map(volumeRow);
    if (quiet && format === "") context.out(rows.map(({ Name }) => `${Name}\n`).join(""));
    else context.out(renderRows(rows, format, volumeList));
    return 0;
  },
});
