import { command } from "../command.ts";
import { formatOption, inspectNames, networkLookup } from "../inspect.ts";
import { flag } from "../option-table.ts";

export default command({
  summary: "Display detailed information on one or more networks",
  usage: "[OPTIONS] NETWORK [NETWORK...]",
  forms: ["network inspect"],
  examples: [
    "tsrun network inspect front",
    "tsrun network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' front",
    "tsrun network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}' front",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: {
    format: formatOption,
    // Docker's tells of services, which a single host has none of.
    verbose: flag("Verbose output for diagnostics", { short: "v" }),
  },
  async run({ options: { format = "" }, positionals }, context) {
    return await inspectNames(positionals, { context, format, find: networkLookup(await context.engine()) });
  },
});
