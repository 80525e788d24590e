import { command } from "../command.ts";
import { formatOption, inspectNames, networkLookup } from "../inspect.ts";
import { flag } from "../option-table.ts";
import { renderDocuments } from "../render/documents.ts";

export default command({
  summary: "Display detailed information on one or more networks",
  usage: "[OPTIONS] NETWORK [NETWORK...]",
  forms: ["network inspect"],
  examples: [
    "tsrun network inspect front",
    "tsrun network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' front",
    "tsrun network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}' front",
    "tsrun network inspect --graph front  # the path of its packets, as the kernel has it",
    "tsrun network inspect --graph --format json front",
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  interspersed: true,
  options: {
    format: formatOption,
    graph: flag("Draw the path of the network's packets, in ASCII where the locale is not UTF-8"),
    // Docker's tells of services, which a single host has none of.
    verbose: flag("Verbose output for diagnostics", { short: "v" }),
  },
  async run({ options: { format = "", graph }, positionals }, context) {
    const engine = await context.engine();
    if (!graph) return await inspectNames(positionals, { context, format, find: networkLookup(engine) });
    const { isUtf8, renderNetworkGraph } = await import("../render/network-graph.ts");
    const unicode = isUtf8(context.env);
    return await inspectNames(positionals, {
      context,
      format,
      find: (name) => engine.networks.graph(name),
      render: (graphs, template) =>
        template === ""
          ? graphs.map((each) => renderNetworkGraph(each, { unicode })).join("\n")
          : renderDocuments(graphs, template),
    });
  },
});
