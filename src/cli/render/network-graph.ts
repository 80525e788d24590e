/** `network inspect --graph`: the path of a packet from the containers down to the host's way out, 100 columns wide. */
import type { NetworkGraph } from "../../engine/api.ts";

type Container = NetworkGraph["containers"][number];
type Link = NonNullable<NetworkGraph["bridge"]>;
type Chain = NetworkGraph["chains"][number];
type Route = Container["routes"][number];

const WIDTH = 100;
/** Where the second column begins. */
const COLUMN = 32;

/** What stands before a row's first line, and before those that it goes on with. */
type Gutter = readonly [first: string, next: string];

interface Glyphs {
  readonly trunk: string;
  readonly pair: string;
  readonly to: string;
  readonly top: Gutter;
  readonly branch: Gutter;
  readonly inner: Gutter;
  readonly twig: Gutter;
  readonly lastTwig: Gutter;
  readonly end: Gutter;
}

const UNICODE: Glyphs = {
  trunk: "│",
  pair: "══",
  to: "→",
  top: ["┌─ ", "│  "],
  branch: ["├─ ", "│  "],
  inner: ["│    ", "│    "],
  twig: ["│    ├─ ", "│    │  "],
  lastTwig: ["│    └─ ", "│       "],
  end: ["└─ ", "   "],
};

const ASCII: Glyphs = {
  trunk: "|",
  pair: "==",
  to: "->",
  top: ["+- ", "|  "],
  branch: ["+- ", "|  "],
  inner: ["|    ", "|    "],
  twig: ["|    +- ", "|    |  "],
  lastTwig: ["|    +- ", "|       "],
  end: ["+- ", "   "],
};

const AFTER_END: Gutter = ["     ", "     "];

/** Whether the locale's character set has box-drawing characters (setlocale(3): the first that is set and not empty). */
export function isUtf8(env: Readonly<Record<string, string | undefined>>): boolean {
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || "");
}

/** Lines end in "\n". */
export function renderNetworkGraph(graph: NetworkGraph, { unicode }: { unicode: boolean }): string {
  const glyphs = unicode ? UNICODE : ASCII;
  const { name, driver, internal, id, containers, chains } = graph;
  return [
    `Network ${name}: ${internal ? `${driver}, internal` : driver}, ${id.slice(0, 12)}`,
    "",
    ...containers.flatMap((container, at) => containerRows(container, { at, driver, glyphs })),
    ...(containers.length === 0 ? [row(glyphs.top, "no container", "none runs on this network now")] : []),
    ...bridgeRows(graph, glyphs),
    ...chains.flatMap((chain, at) => chainRows(chain, chains[at + 1], glyphs)),
    ...hostRows(graph, glyphs),
    "",
    "Look for yourself:",
    ...commands(graph).map((command) => `  ${command}`),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

function containerRows(
  { name, pid, namespace, interface: link, hostLink, routes, ports }: Container,
  { at, driver, glyphs }: { at: number; driver: string; glyphs: Glyphs },
): string[] {
  const { top, branch, inner, pair, to } = glyphs;
  const head = row(at === 0 ? top : branch, `container ${name}`, `process ${pid}, ${namespace}`);
  if (driver === "host") return [head, row(inner, "", "the host's own links, addresses and routes")];
  if (driver === "null") return [head, row(inner, "", "a loopback, and no link that leads anywhere")];
  if (link === undefined) return [head, row(inner, "", "no link leads from here to the network")];
  return [
    head,
    row(inner, link.name, linkText(link)),
    ...rowsOf(inner, "routes", routes.map(routeText)),
    ...rowsOf(
      inner,
      "published",
      ports.map(
        ({ protocol, hostAddress, hostPort, address, port, map }) =>
          `${authority(hostAddress, hostPort)}/${protocol} ${to} ${authority(address, port)}, by ${map}`,
      ),
    ),
    ...(hostLink === undefined
      ? []
      : [row(inner, `${link.name} ${pair} ${hostLink.name}`, `veth pair; ${stateText(hostLink)}`)]),
  ];
}

function bridgeRows(
  { bridge, driver, containers, otherPorts }: NetworkGraph,
  { trunk, branch, inner, end }: Glyphs,
): string[] {
  if (driver === "host" || driver === "null") return [];
  const what = driver === "bridge" ? "bridge" : "parent link";
  if (bridge === undefined) return [trunk, row(branch, what, "not there: the first container makes it")];
  const ports = [...containers.flatMap(({ hostLink }) => hostLink?.name ?? []), ...otherPorts];
  return [
    trunk,
    row(driver === "macvlan" ? end : branch, `${what} ${bridge.name}`, linkText(bridge)),
    ...(ports.length > 0 ? [row(inner, "ports", ports.join(", "))] : []),
  ];
}

/** Chains that the kernel calls hang on the trunk, those that they call a level further in. */
function chainRows(
  { name, table, hook, from, by, rules }: Chain,
  next: Chain | undefined,
  { trunk, branch, inner, twig, lastTwig }: Glyphs,
): string[] {
  if (from === undefined)
    return [trunk, row(branch, `nft chain ${name}`, `inet ${table}: ${hook}`), ...rowsOf(inner, "", rules)];
  const gutter = next?.from === undefined ? lastTwig : twig;
  const below: Gutter = [gutter[1], gutter[1]];
  const none =
    name === "admin" ? "no rules; an administrator's own go here, and are asked first" : "no rules";
  return [
    row(gutter, name, by.length > 0 ? `by ${by.join(", ")}` : `by a jump of ${from}`),
    ...rowsOf(below, "", rules.length > 0 ? rules : [none]),
  ];
}

function hostRows({ host, driver, internal }: NetworkGraph, { trunk, end }: Glyphs): string[] {
  if (driver === "null" || driver === "macvlan") return [];
  const { forwarding, routes, links } = host;
  const families = [forwarding.ipv4 ? "IPv4" : "", forwarding.ipv6 ? "IPv6" : ""].filter(Boolean);
  const forwards = `forwards ${families.join(" and ") || "nothing"}`;
  const ways = routes.map(routeText);
  return [
    trunk,
    row(end, "host", internal ? `${forwards}, and nothing of an internal network` : forwards),
    ...rowsOf(AFTER_END, "routes", ways.length > 0 ? ways : ["none by default: only to its own networks"]),
    ...links.map((link) => row(AFTER_END, link.name, linkText(link))),
  ];
}

function commands({ containers, bridge, chains, driver }: NetworkGraph): string[] {
  const tables = [...new Set(chains.map(({ table }) => table))];
  return [
    ...containers.slice(0, 1).map(({ pid }) => `nsenter -t ${pid} -n ip addr; nsenter -t ${pid} -n ip route`),
    ...(driver === "bridge" && bridge !== undefined
      ? [`ip addr show ${bridge.name}; ip link show master ${bridge.name}`]
      : []),
    ...tables.map((table) => `nft list table inet ${table}`),
    "ip route; sysctl net.ipv4.ip_forward",
  ];
}

/** "172.17.0.2/16, 02:42:ac:11:00:02, up, mtu 1500". */
function linkText({ addresses, ...link }: Link): string {
  return [...addresses, stateText(link)].join(", ");
}

function stateText({ macAddress, up, mtu }: Omit<Link, "addresses">): string {
  const parts = [macAddress, up ? "up" : "down", mtu === undefined ? undefined : `mtu ${mtu}`];
  return parts.filter(Boolean).join(", ");
}

/** As ip-route(8) prints it. */
const routeText = ({ destination, gateway, device }: Route): string =>
  [destination, gateway && `via ${gateway}`, device && `dev ${device}`].filter(Boolean).join(" ");

const authority = (address: string, port: number): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

/** Rows of which only the first has a label. */
const rowsOf = (gutter: Gutter, label: string, texts: readonly string[]): string[] =>
  texts.map((text, at) => row(gutter, at === 0 ? label : "", text));

/** What does not fit goes on below, in the second column. */
function row([first, next]: Gutter, label: string, text: string): string {
  const lines: string[] = [];
  let line = `${`${first}${label}`.padEnd(COLUMN - 2)}  `;
  let words = 0;
  for (const word of text.split(" ")) {
    if (words > 0 && line.length + word.length > WIDTH) {
      lines.push(line.trimEnd());
      line = next.padEnd(COLUMN);
      words = 0;
    }
    line += `${word} `;
    words++;
  }
  return [...lines, line.trimEnd()].join("\n");
}
