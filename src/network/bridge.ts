/**
 * The bridge of a network, made when a container needs it and kept: the default network's is named tsrun0 and gets a
 * subnet of the pools, others are named and numbered by their records. The kernel's own state is what counts and is
 * looked at on every start: some microseconds when all is in place, and whatever is missing (after a boot, a flush of
 * the rules, a kill half-way) is put back.
 *
 * A bridge's MAC address says which <run> directory it belongs to (instance.ts): a tsrun with another one finds tsrun0
 * taken and makes tsrun1, and nobody removes a bridge that was there before.
 */
import { join } from "node:path";
import { NETLINK_ROUTE, type NetlinkSocket, openNetlink, repliesOf } from "../kernel/netlink.ts";
import { AF_INET, AF_INET6, addAddress, decodeAddress, listAddresses } from "../kernel/netlink-address.ts";
import {
  createBridge,
  decodeLink,
  deleteLink,
  disableLinkLocal,
  getLink,
  type Link,
  setLink,
} from "../kernel/netlink-link.ts";
import { lock } from "../store/locks.ts";
import { locksDir, type Paths } from "../store/paths.ts";
import { networkError } from "./failure.ts";
import { firewallReady, foreignDrops, removeFirewall, setUpFirewall } from "./firewall.ts";
import { type FirewallNetwork, firewallNetwork } from "./firewall-rules.ts";
import { instanceMac } from "./instance.ts";
import {
  broadcastOf,
  formatIpv4,
  formatSubnet,
  gatewayOf,
  parseIpv4,
  parseSubnet,
  subnetOf,
} from "./ipv4.ts";
import { bridgeNameOf, mtuOf } from "./network-options.ts";
import { BRIDGE } from "./predefined.ts";
import { rememberSubnet } from "./subnets.ts";
import type { NetworkContext, NetworkRecord, NetworkSubnet } from "./types.ts";

export interface Bridge {
  readonly name: string;
  readonly index: number;
  readonly subnets: readonly NetworkSubnet[];
  /** What keeps its containers from the outside although all is set up; looked for when the bridge is set up. */
  readonly warnings: readonly string[];
}

const DEFAULT_NAME = "tsrun";

/** The bridge, up, with its addresses, its rules and forwarding on. `route` is a socket of the host's namespace. */
export async function ensureBridge(
  context: NetworkContext,
  route: NetlinkSocket,
  network: NetworkRecord = BRIDGE,
): Promise<Bridge> {
  const { paths } = context;
  try {
    const bridge = findReady(paths, route, network);
    if (bridge !== undefined) return bridge;
    using _lock = await lock(join(locksDir(paths), `bridge-${network.id.slice(0, 12)}`));
    return findReady(paths, route, network) ?? (await setUp(context, route, network));
  } catch (error) {
    throw networkError(`setting up the network ${network.name}`, error);
  }
}

/** Removes the bridge and its rules, whatever of them there is; a bridge that others have made stays. */
export async function removeBridge(
  paths: Paths,
  route: NetlinkSocket,
  network: NetworkRecord,
): Promise<void> {
  const { name, link } = find(paths, route, network);
  await removeFirewall(paths, name);
  if (link?.kind === "bridge" && link.macAddress === instanceMac(paths)) route.attempt(deleteLink(name));
}

function findReady(paths: Paths, route: NetlinkSocket, network: NetworkRecord): Bridge | undefined {
  const { link } = find(paths, route, network);
  if (link === undefined || !link.up) return undefined;
  const subnets = subnetsOf(route, link, network);
  if (subnets === undefined || !firewallReady(paths, rulesOf(network, link.name, subnets))) return undefined;
  return { name: link.name, index: link.index, subnets, warnings: [] };
}

async function setUp(context: NetworkContext, route: NetlinkSocket, network: NetworkRecord): Promise<Bridge> {
  const { name, link } = find(context.paths, route, network);
  if (link !== undefined && link.kind !== "bridge") throw new Error(`${name} is there and is no bridge`);
  const isDefault = network.id === BRIDGE.id;
  const kept = link && isDefault ? subnetsOf(route, link, network) : undefined;
  const subnets = kept ?? (isDefault ? [await rememberSubnet(context, route)] : network.subnets);
  if (link === undefined) route.request(createBridge(name, instanceMac(context.paths)));
  const index = link?.index ?? indexOf(route, name);
  const mtu = mtuOf(network);
  route.request(
    ...(network.enableIpv6 ? [] : [disableLinkLocal(index)]),
    setLink(index, { up: true, ...(mtu !== undefined && { mtu }) }),
    ...subnets.flatMap((subnet) => gatewayAddress(subnet, index)),
  );
  await setUpFirewall(context.paths, rulesOf(network, name, subnets));
  return { name, index, subnets, warnings: foreignDrops(name) };
}

const rulesOf = (
  network: NetworkRecord,
  bridge: string,
  subnets: readonly NetworkSubnet[],
): FirewallNetwork => firewallNetwork(network, { bridge, subnets: subnets.map(({ subnet }) => subnet) });

/** The network's link; of the default network the first name that is this tsrun's or free for it. */
function find(
  paths: Paths,
  route: NetlinkSocket,
  network: NetworkRecord,
): { name: string; link: Link | undefined } {
  if (network.id !== BRIDGE.id) {
    const name = bridgeNameOf(network);
    return { name, link: linkNamed(route, name) };
  }
  for (let number = 0; ; number++) {
    const name = `${DEFAULT_NAME}${number}`;
    const link = linkNamed(route, name);
    if (link === undefined) return { name, link };
    if (link.kind === "bridge" && link.macAddress === instanceMac(paths)) return { name, link };
  }
}

/** The bridge's link as it is, whatever it lacks; undefined where the network has none yet. */
export const bridgeLink = (paths: Paths, route: NetlinkSocket, network: NetworkRecord): Link | undefined =>
  find(paths, route, network).link;

/** undefined where there is no link of that name. */
export function linkNamed(route: NetlinkSocket, name: string): Link | undefined {
  const [outcome] = route.attempt(getLink(name));
  if (outcome === undefined || outcome.error?.code === "ENODEV") return undefined;
  return repliesOf(outcome).map(decodeLink)[0];
}

export function indexOf(route: NetlinkSocket, name: string): number {
  const [replies = []] = route.request(getLink(name));
  const [link] = replies.map(decodeLink);
  if (link === undefined) throw new Error(`the kernel did not describe ${name}`);
  return link.index;
}

/** The network's subnets if the link has the gateway's address of each; the default network's are the link's own. */
function subnetsOf(
  route: NetlinkSocket,
  link: Link,
  network: NetworkRecord,
): readonly NetworkSubnet[] | undefined {
  const families = network.enableIpv6 ? ([AF_INET, AF_INET6] as const) : ([AF_INET] as const);
  const addresses = families
    .flatMap((family) => route.dump(listAddresses(link.index, family)).map(decodeAddress))
    .filter(({ linkIndex }) => linkIndex === link.index);
  if (network.id !== BRIDGE.id) {
    const has = ({ gateway, subnet }: NetworkSubnet): boolean =>
      addresses.some((each) => each.address === gateway && subnet.endsWith(`/${each.prefixLength}`));
    return network.subnets.every(has) ? network.subnets : undefined;
  }
  for (const { address, prefixLength } of addresses) {
    const value = parseIpv4(address);
    const subnet = subnetOf(value ?? 0, prefixLength);
    if (value === gatewayOf(subnet))
      return [{ subnet: formatSubnet(subnet), gateway: address, asked: false }];
  }
  return undefined;
}

function gatewayAddress({ subnet, gateway }: NetworkSubnet, linkIndex: number) {
  if (gateway === undefined) return [];
  const prefixLength = Number(subnet.split("/")[1]);
  const ipv4 = parseSubnet(subnet);
  const broadcast = ipv4 && formatIpv4(broadcastOf(ipv4));
  const request = addAddress({ linkIndex, address: gateway, prefixLength, broadcast });
  return [{ ...request, tolerate: ["EEXIST"] }];
}

/** A rtnetlink socket of the calling process's namespace. */
export const openRoute = (): NetlinkSocket => openNetlink(NETLINK_ROUTE);
