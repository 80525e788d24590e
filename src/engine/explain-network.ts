/**
 * The network's part of explain: what the host was given for a container's connections, object by object. Each proof
 * begins with the command that shows it to anybody, and goes on with what the kernel said just now.
 */
import { readNetworkGraph } from "../network/graph/read.ts";
import type {
  GraphChain,
  GraphContainer,
  GraphLink,
  GraphRoute,
  NetworkGraph,
} from "../network/graph/types.ts";
import { readNetwork } from "../network/records.ts";
import type { Paths } from "../store/paths.ts";
import type { Explanation } from "./api.ts";
import type { Endpoint } from "./types.ts";

type Account = Explanation["preparation"][number];

/** `pid` waits right before execve, in the container's network namespace. */
export function explainNetworks(paths: Paths, endpoints: readonly Endpoint[], pid: number): Account[] {
  return endpoints.flatMap((endpoint) => {
    const network = readNetwork(paths, endpoint.networkId);
    if (network === undefined) return [];
    const member = { id: endpoint.containerId, name: endpoint.name, pid };
    const graph = readNetworkGraph(paths, network, [member]);
    const [container] = graph.containers;
    const link = container?.interface;
    if (container === undefined || link === undefined) return [];
    return [
      cable(endpoint, container, link),
      ...lowerLink(graph, container),
      ...rules(graph),
      ...wayOut(graph),
      ...ports(container),
    ];
  });
}

function cable(
  { hostInterface, driver, gateway }: Endpoint,
  container: GraphContainer,
  link: GraphLink,
): Account {
  const { pid, namespace, hostLink, routes } = container;
  const enter = `nsenter -t ${pid} -n`;
  const way = routes.find(({ destination }) => destination === "default");
  const out = way === undefined || gateway === "" ? "no way out" : `default route via ${way.gateway}`;
  return {
    what:
      driver === "macvlan"
        ? `network namespace with ${link.name}, a link of its own on the wire of ${hostInterface}`
        : `network namespace with ${link.name}, the other end of ${hostInterface}`,
    why:
      driver === "macvlan"
        ? "The host's link carries packets for a second hardware address, which is the container's."
        : "A virtual cable: one end in the container's network namespace, the other in the bridge on the host.",
    proof: [
      `${link.name}: ${[...link.addresses, link.macAddress].join(", ")}, ${out}`,
      `/proc/${pid}/ns/net -> ${namespace}`,
      `${enter} ip addr show ${link.name}: ${linkText(link)}`,
      ...routes.map((route) => `${enter} ip route: ${routeText(route)}`),
      ...(hostLink === undefined ? [] : [`ip addr show ${hostLink.name}: ${linkText(hostLink)}`]),
    ],
  };
}

function lowerLink({ bridge, driver }: NetworkGraph, { hostLink }: GraphContainer): Account[] {
  if (bridge === undefined) return [];
  const ports = hostLink === undefined ? [] : [`ip link show master ${bridge.name}: ${hostLink.name}`];
  return [
    {
      what: `${driver === "bridge" ? "bridge" : "parent link"} ${bridge.name}`,
      why:
        driver === "bridge"
          ? "A switch made of software: its ports are the cables of the network's containers, and its address is the host's, which the containers take for their router."
          : "The link of the host that the container's packets leave by; what is sent between the two is not carried.",
      proof: [`ip addr show ${bridge.name}: ${linkText(bridge)}`, ...ports],
    },
  ];
}

/** What each kind of chain is for; the others are only called from the kernel's hooks, or lead to these. */
const REASONS: readonly { begins: string; why: string }[] = [
  {
    begins: "admin",
    why: "An administrator's own rules for all networks; it is asked before the others, and tsrun never changes it.",
  },
  {
    begins: "to-",
    why: "What may reach the containers from beyond the bridge: answers, and what published ports lead in.",
  },
  { begins: "from-", why: "An internal network: what its containers send leaves the bridge for nowhere." },
  {
    begins: "source-",
    why: "What leaves gets the host's address as its source, as nobody outside knows the way to the containers'.",
  },
];

function rules({ chains }: NetworkGraph): Account[] {
  return chains.flatMap((chain) => {
    const reason = REASONS.find(({ begins }) => chain.name.startsWith(begins));
    return reason === undefined
      ? []
      : [{ what: chainTitle(chain), why: reason.why, proof: chainProof(chain) }];
  });
}

const chainTitle = ({ table, name, from }: GraphChain): string =>
  `nftables chain ${name} of table inet ${table}, called by ${from}`;

function chainProof({ table, name, from, by, hook, rules: lines }: GraphChain): string[] {
  const look = `nft list chain inet ${table}`;
  return [
    `${look} ${from}: ${hook}`,
    ...by.map((element) => `nft list table inet ${table}: ${element}`),
    `${look} ${name}: ${lines.length > 0 ? lines.join("; ") : "no rules"}`,
  ];
}

function wayOut({ host, internal, driver }: NetworkGraph): Account[] {
  if (driver !== "bridge" || internal) return [];
  const { forwarding, routes, links } = host;
  return [
    {
      what: "the host as a router",
      why: "The host passes packets between the bridge and the link of its own default route.",
      proof: [
        `sysctl net.ipv4.ip_forward: ${Number(forwarding.ipv4)}`,
        ...(routes.length === 0 ? ["ip route: no default route"] : []),
        ...routes.map((route) => `ip route: ${routeText(route)}`),
        ...links.map((link) => `ip addr show ${link.name}: ${linkText(link)}`),
      ],
    },
  ];
}

function ports({ ports: published }: GraphContainer): Account[] {
  return published.map(({ protocol, hostAddress, hostPort, address, port, table, map, element }) => ({
    what: `port ${hostPort}/${protocol} of ${hostAddress} on the host leads to ${address}, port ${port}`,
    why: "The destination of what arrives for the port is rewritten before it is routed; the client's address stays.",
    proof: [`nft list map inet ${table} ${map}: ${element}`],
  }));
}

const linkText = ({ addresses, macAddress, up }: GraphLink): string =>
  [...addresses, macAddress, up ? "up" : "down"].filter(Boolean).join(", ");

/** As ip-route(8) prints it. */
const routeText = ({ destination, gateway, device }: GraphRoute): string =>
  [destination, gateway && `via ${gateway}`, device && `dev ${device}`].filter(Boolean).join(" ");
