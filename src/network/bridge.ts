/**
 * The default network: a bridge named tsrun0 with the first address of its subnet, made when the first container
 * needs it and kept. The kernel's own state is what counts and is looked at on every start: some microseconds when
 * all is in place, and whatever is missing (after a boot, a flush of the rules, a kill half-way) is put back.
 *
 * The bridge's MAC address says which <run> directory it belongs to, because that is where its leases are: a tsrun
 * with another one finds tsrun0 taken and makes tsrun1. It is the one mark that the kernel sets as it makes the link.
 */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { NETLINK_ROUTE, type NetlinkSocket, openNetlink, repliesOf } from "../kernel/netlink.ts";
import {
  addAddress,
  decodeAddress,
  decodeRoute,
  listAddresses,
  listRoutes,
} from "../kernel/netlink-address.ts";
import {
  createBridge,
  decodeLink,
  disableLinkLocal,
  getLink,
  type Link,
  setLink,
} from "../kernel/netlink-link.ts";
import { readDocument, writeDocument } from "../store/documents.ts";
import { lock } from "../store/locks.ts";
import { locksDir, type Paths } from "../store/paths.ts";
import { networkError } from "./failure.ts";
import { firewallReady, foreignDrops, setUpFirewall } from "./firewall.ts";
import {
  broadcastOf,
  formatIpv4,
  formatSubnet,
  gatewayOf,
  macOf,
  overlap,
  parseIpv4,
  parseSubnet,
  type Subnet,
  subnetOf,
} from "./ipv4.ts";
import { chooseSubnet } from "./pools.ts";
import type { NetworkContext } from "./types.ts";

export interface Bridge {
  readonly name: string;
  readonly index: number;
  readonly subnet: Subnet;
  readonly gateway: number;
  /** What keeps its containers from the outside although all is set up; looked for when the bridge is set up. */
  readonly warnings: readonly string[];
}

/** <root>/networks/bridge.json: the subnet is kept over boots, so that addresses in other configurations stay true. */
interface BridgeDocument {
  version: 1;
  subnet: string;
}

const BRIDGE_NAME = "tsrun";
/** Routes this wide are default routes, or the two halves that VPNs cover it with; they claim no address. */
const WIDEST_CLAIM = 2;

/** The bridge, up, with its address, its rules and forwarding on. `route` is a socket of the host's namespace. */
export async function ensureBridge(context: NetworkContext, route: NetlinkSocket): Promise<Bridge> {
  try {
    const bridge = findReady(context.paths, route);
    if (bridge !== undefined) return bridge;
    using _lock = await lock(join(locksDir(context.paths), "network-bridge"));
    return findReady(context.paths, route) ?? setUp(context, route);
  } catch (error) {
    throw networkError("setting up the bridge network", error);
  }
}

function findReady(paths: Paths, route: NetlinkSocket): Bridge | undefined {
  const { link } = find(paths, route);
  if (link === undefined || !link.up) return undefined;
  const subnet = subnetOfLink(route, link);
  if (subnet === undefined || !firewallReady(link.name, subnet)) return undefined;
  return { name: link.name, index: link.index, subnet, gateway: gatewayOf(subnet), warnings: [] };
}

function setUp(context: NetworkContext, route: NetlinkSocket): Bridge {
  const found = find(context.paths, route);
  const link = found.link;
  const subnet = (link && subnetOfLink(route, link)) ?? rememberSubnet(context, route);
  const gateway = gatewayOf(subnet);
  const name = found.name;
  if (link === undefined) route.request(createBridge(name, macOfBridge(context.paths)));
  const index = link?.index ?? indexOf(route, name);
  const address = { linkIndex: index, address: formatIpv4(gateway), prefixLength: subnet.prefixLength };
  route.request(disableLinkLocal(index), setLink(index, { up: true }), {
    ...addAddress({ ...address, broadcast: formatIpv4(broadcastOf(subnet)) }),
    tolerate: ["EEXIST"],
  });
  setUpFirewall(name, subnet);
  return { name, index, subnet, gateway, warnings: foreignDrops(name) };
}

/** The bridge of this <run> directory, or the first name that is free for it. */
function find(paths: Paths, route: NetlinkSocket): { name: string; link: Link | undefined } {
  for (let number = 0; ; number++) {
    const name = `${BRIDGE_NAME}${number}`;
    const [outcome] = route.attempt(getLink(name));
    if (outcome === undefined || outcome.error?.code === "ENODEV") return { name, link: undefined };
    const [link] = repliesOf(outcome).map(decodeLink);
    if (link?.kind === "bridge" && link.macAddress === macOfBridge(paths)) return { name, link };
  }
}

/** FNV-1a, 32 bits, of the <run> directory's path. */
function macOfBridge({ run }: Paths): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(run)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return macOf(hash);
}

function indexOf(route: NetlinkSocket, name: string): number {
  const [replies = []] = route.request(getLink(name));
  const [link] = replies.map(decodeLink);
  if (link === undefined) throw new Error(`the kernel did not describe ${name}`);
  return link.index;
}

function subnetOfLink(route: NetlinkSocket, link: Link): Subnet | undefined {
  for (const { linkIndex, address, prefixLength } of route
    .dump(listAddresses(link.index))
    .map(decodeAddress)) {
    const value = parseIpv4(address);
    if (linkIndex !== link.index || value === undefined) continue;
    const subnet = subnetOf(value, prefixLength);
    if (value === gatewayOf(subnet)) return subnet;
  }
  return undefined;
}

/** The subnet of the last time if nothing on this host claims it by now, else the first free one of the pools. */
function rememberSubnet({ paths, config }: NetworkContext, route: NetlinkSocket): Subnet {
  const path = join(paths.root, "networks", "bridge.json");
  const claimed = claimedSubnets(route);
  const last = parseSubnet(readDocument<BridgeDocument>(path)?.subnet ?? "");
  if (last !== undefined && !claimed.some((other) => overlap(last, other))) return last;
  const subnet = chooseSubnet(config["default-address-pools"], claimed);
  mkdirSync(dirname(path), { recursive: true });
  const document: BridgeDocument = { version: 1, subnet: formatSubnet(subnet) };
  writeDocument(path, document);
  return subnet;
}

/** What the host's addresses and routes cover. */
export function claimedSubnets(route: NetlinkSocket): Subnet[] {
  const addresses = route.dump(listAddresses()).map(decodeAddress);
  const routes = route.dump(listRoutes()).map(decodeRoute);
  const prefixes = [
    ...addresses,
    ...routes.map(({ destination, prefixLength }) => ({ address: destination, prefixLength })),
  ];
  return prefixes
    .filter(({ prefixLength }) => prefixLength >= WIDEST_CLAIM)
    .map(({ address, prefixLength }) => subnetOf(parseIpv4(address) ?? 0, prefixLength));
}

/** A rtnetlink socket of the calling process's namespace. */
export const openRoute = (): NetlinkSocket => openNetlink(NETLINK_ROUTE);
