import { command } from "../command.ts";
import { list, value } from "../option-table.ts";
import { driverOption, parseAddress, parseLink } from "../options/network.ts";
import { parseInteger } from "../options/numbers.ts";

export default command({
  summary: "Connect a container to a network",
  usage: "[OPTIONS] NETWORK CONTAINER",
  forms: ["network connect"],
  examples: [
    "tsrun network connect front web  # at once, also while it runs",
    "tsrun network connect --ip 10.5.0.20 --alias db back postgres",
  ],
  arguments: { min: 2, max: 2 },
  interspersed: true,
  options: {
    alias: list("Add network-scoped alias for the container", { metavar: "strings" }),
    "driver-opt": list("driver options for the network", { metavar: "strings", parse: driverOption }),
    "gw-priority": value("Highest gw-priority provides the default gateway", {
      metavar: "int",
      parse: parseInteger,
    }),
    ip: value('IPv4 address (e.g., "172.30.100.104")', { parse: parseAddress }),
    ip6: value('IPv6 address (e.g., "2001:db8::33")', { parse: parseAddress }),
    link: list("Add link to another container", { parse: parseLink }),
    "link-local-ip": list("Add a link-local address for the container", {
      metavar: "strings",
      parse: parseAddress,
    }),
  },
  async run({ options: flags, positionals: [network = "", container = ""] }, context) {
    const engine = await context.engine();
    const priority = flags["gw-priority"];
    const { warnings } = await engine.networks.connect(container, {
      network,
      ...(flags.alias.length > 0 && { aliases: flags.alias }),
      ...(flags["driver-opt"].length > 0 && { driverOptions: Object.assign({}, ...flags["driver-opt"]) }),
      ...(priority !== undefined && { gatewayPriority: priority }),
      ...(flags.ip !== undefined && { ipv4Address: flags.ip }),
      ...(flags.ip6 !== undefined && { ipv6Address: flags.ip6 }),
      ...(flags.link.length > 0 && { links: flags.link }),
      ...(flags["link-local-ip"].length > 0 && { linkLocalAddresses: flags["link-local-ip"] }),
    });
    for (const warning of warnings) context.err(`WARNING: ${warning}\n`);
    return 0;
  },
});
