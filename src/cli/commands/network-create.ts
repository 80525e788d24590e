import { command } from "../command.ts";
import { flag, list, refused, value } from "../option-table.ts";
import { parseLabel, toRecord } from "../options/pairs.ts";

const keyed = (text: string): string => {
  if (!/^[^=]+=/.test(text)) throw new Error(`${text} must be formatted as key=value`);
  return text;
};
const separated = (text: string): string[] => text.split(",").map((part) => part.trim());

export default command({
  summary: "Create a network",
  usage: "[OPTIONS] NETWORK",
  forms: ["network create"],
  examples: [
    "tsrun network create front  # a bridge with a subnet of its own",
    "tsrun network create --subnet 10.5.0.0/16 --gateway 10.5.0.1 --ip-range 10.5.1.0/24 back",
    "tsrun network create --internal --ipv6 vault  # IPv6 too, and no way out",
    "tsrun network create -d macvlan --subnet 192.168.1.0/24 -o parent=eth0 lan",
    "tsrun network create -o com.docker.network.bridge.enable_icc=false apart",
  ],
  arguments: { min: 1, max: 1 },
  interspersed: true,
  options: {
    attachable: flag("Enable manual container attachment"),
    "aux-address": list("Auxiliary IPv4 or IPv6 addresses used by Network driver (NAME=ADDRESS)", {
      metavar: "map",
      parse: keyed,
    }),
    "config-from": refused("there are no configuration-only networks"),
    "config-only": refused("there are no configuration-only networks"),
    driver: value('Driver to manage the Network (bridge, macvlan) (default "bridge")', { short: "d" }),
    gateway: list("IPv4 or IPv6 Gateway for the master subnet", { metavar: "strings", parse: separated }),
    ingress: refused("it is for swarms, and there is none"),
    internal: flag("Restrict external access to the network"),
    "ip-range": list("Allocate container ip from a sub-range", { metavar: "strings", parse: separated }),
    "ipam-driver": value('IP Address Management Driver (default "default")'),
    "ipam-opt": list("Set IPAM driver specific options", { metavar: "map", parse: keyed }),
    ipv4: flag("Enable or disable IPv4 address assignment", { default: true }),
    ipv6: flag("Enable or disable IPv6 address assignment"),
    label: list("Set metadata on a network", { parse: parseLabel }),
    opt: list("Set driver specific options", { short: "o", metavar: "map", parse: keyed }),
    scope: value("Control the network's scope (local)"),
    subnet: list("Subnet in CIDR format that represents a network segment", {
      metavar: "strings",
      parse: separated,
    }),
  },
  async run({ options: flags, positionals: [name = ""] }, context) {
    const engine = await context.engine();
    const { id, warnings } = await engine.networks.create({
      name,
      subnets: flags.subnet.flat(),
      gateways: flags.gateway.flat(),
      ipRanges: flags["ip-range"].flat(),
      reserved: toRecord(flags["aux-address"]),
      internal: flags.internal,
      enableIpv4: flags.ipv4,
      enableIpv6: flags.ipv6,
      attachable: flags.attachable,
      labels: toRecord(flags.label),
      options: toRecord(flags.opt),
      ipamOptions: toRecord(flags["ipam-opt"]),
      ...(flags.driver !== undefined && { driver: flags.driver }),
      ...(flags["ipam-driver"] !== undefined && { ipamDriver: flags["ipam-driver"] }),
      ...(flags.scope !== undefined && { scope: flags.scope }),
    });
    for (const warning of warnings) context.err(`WARNING: ${warning}\n`);
    context.out(`${id}\n`);
    return 0;
  },
});
