/** Asks the kernel for the graph of a network. */
import { closeSync, openSync, readlinkSync } from "node:fs";
import { readNetworkSetting } from "../../kernel/host-network.ts";
import type { Link } from "../../kernel/netlink-link.ts";
import { openNetworkNamespace } from "../../kernel/netns.ts";
import type { Paths } from "../../store/paths.ts";
import { bridgeLink, openRoute } from "../bridge.ts";
import { addressPart } from "../ip.ts";
import { dummyNameOf, parentOf } from "../network-options.ts";
import type { NetworkRecord } from "../types.ts";
import { chainsOf, type NamedTable, portsTo, readTables } from "./chains.ts";
import { type NamespaceView, viewNamespace } from "./links.ts";
import type { GraphContainer, GraphHost, NetworkGraph } from "./types.ts";

/** A container that is to be on the network. */
export interface GraphMember {
  readonly id: string;
  readonly name: string;
  /** Any process in its network namespace. */
  readonly pid: number;
}

/** What there is at this moment; members whose process has ended are left out. Throws NetlinkError, Error of nft. */
export function readNetworkGraph(
  paths: Paths,
  network: NetworkRecord,
  members: readonly GraphMember[],
): NetworkGraph {
  using route = openRoute();
  const { id, name, driver, internal } = network;
  const host = viewNamespace(route);
  const bridge = driver === "bridge" ? bridgeLink(paths, route, network) : macvlanParent(network, host);
  const tables = driver === "bridge" && bridge !== undefined ? readTables(paths, bridge.name) : [];
  const containers = members.flatMap((member) => readContainer(member, { host, bridge, tables }) ?? []);
  const known = new Set(containers.map(({ hostLink }) => hostLink?.index));
  const otherPorts = [...host.links.values()]
    .filter(({ index, master }) => bridge !== undefined && master === bridge.index && !known.has(index))
    .map((link) => link.name);
  return {
    ...{ id, name, driver, internal, containers },
    bridge: bridge && host.graph(bridge),
    otherPorts,
    chains: bridge === undefined ? [] : chainsOf(tables, bridge.name),
    host: hostOf(host),
  };
}

function macvlanParent(network: NetworkRecord, { links }: NamespaceView): Link | undefined {
  if (network.driver !== "macvlan") return undefined;
  const name = parentOf(network) ?? dummyNameOf(network);
  return [...links.values()].find((link) => link.name === name);
}

interface Surroundings {
  host: NamespaceView;
  bridge: Link | undefined;
  tables: readonly NamedTable[];
}

function readContainer(
  { id, name, pid }: GraphMember,
  { host, bridge, tables }: Surroundings,
): GraphContainer | undefined {
  const file = `/proc/${pid}/ns/net`;
  try {
    const namespace = readlinkSync(file);
    const view = viewInside(file);
    const { inner, outer } = cable(view, host, bridge);
    const link = inner && view.graph(inner);
    return {
      ...{ id, name, pid, namespace },
      interface: link,
      hostLink: outer && host.graph(outer),
      routes: view.routes,
      ports: portsTo(tables, link?.addresses.map(addressPart) ?? []),
    };
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

function viewInside(file: string): NamespaceView {
  const fd = openSync(file, "r");
  let taken = false;
  try {
    using namespace = openNetworkNamespace(fd);
    taken = true;
    return viewNamespace(namespace.route);
  } finally {
    if (!taken) closeSync(fd);
  }
}

/** The two ends of a veth pair name each other by index; a macvlan names the link below it. */
function cable(
  inside: NamespaceView,
  host: NamespaceView,
  bridge: Link | undefined,
): { inner?: Link; outer?: Link } {
  if (bridge === undefined) return {};
  for (const inner of inside.links.values()) {
    const lower = host.links.get(inner.lower ?? 0);
    if (inner.kind === "macvlan" && lower?.index === bridge.index) return { inner };
    if (inner.kind !== "veth" || lower?.master !== bridge.index) continue;
    if (lower.lower === inner.index) return { inner, outer: lower };
  }
  return {};
}

function hostOf(view: NamespaceView): GraphHost {
  const routes = view.routes.filter(({ destination }) => destination === "default");
  const leaving = new Set(routes.map(({ device }) => device));
  const links = [...view.links.values()].filter(({ name }) => leaving.has(name));
  return {
    forwarding: {
      ipv4: isOn("/proc/sys/net/ipv4/ip_forward"),
      ipv6: isOn("/proc/sys/net/ipv6/conf/all/forwarding"),
    },
    routes,
    links: links.map((link) => view.graph(link)),
  };
}

/** A kernel without IPv6 has no such file. */
function isOn(file: string): boolean {
  try {
    return readNetworkSetting(file).startsWith("1");
  } catch {
    return false;
  }
}
