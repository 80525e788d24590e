/** Passing ports of the host on to a container, and no longer doing so. */
import { forgetUdpFlows, udpFlowsTo } from "../../kernel/conntrack.ts";
import { writeNetworkSetting } from "../../kernel/host-network.ts";
import { ipBytes } from "../../kernel/ip-address.ts";
import { NETLINK_ROUTE, openNetlink } from "../../kernel/netlink.ts";
import { decodeLink, getLink, setHairpin } from "../../kernel/netlink-link.ts";
import { addElements, removalDatagrams, removeElements, type SetElement } from "../../kernel/nft-elements.ts";
import type { Paths } from "../../store/paths.ts";
import { formatIp, lastOf, parseCidr } from "../ip.ts";
import { ensurePortsTable, portsTable } from "./rules.ts";
import type { PortProtocol, PublishedPort } from "./types.ts";

/** Where the ports lead. */
export interface PortTarget {
  /** The container's addresses on the network, without prefix length. */
  address?: string | undefined;
  address6?: string | undefined;
  /** The networks that its addresses are from, "172.17.0.0/16". */
  subnet?: string | undefined;
  subnet6?: string | undefined;
  bridge: string;
  /** The host's end of the container's link, a port of the bridge. */
  hostInterface: string;
}

const PROTOCOL_NUMBERS: Record<PortProtocol, number> = { tcp: 6, udp: 17, sctp: 132 };
const IFNAMSIZ = 16;

/** Returns the datagrams that end it: to be sent to NETLINK_NETFILTER by whoever sees the container's end. */
export async function publishPorts(
  paths: Paths,
  ports: readonly PublishedPort[],
  target: PortTarget,
): Promise<Buffer[]> {
  await ensurePortsTable(paths);
  const table = portsTable(paths);
  const elements = ports.flatMap((port) => mapElement(table, port, target) ?? []);
  // The port is ours, by its socket: what is there of it is what a killed monitor has left.
  removeElements(ports.map((port) => keyElement(table, port)));
  addElements(bridgeElements(table, target)); // with them what guards the loopback
  letLoopbackIn(target.bridge);
  letBack(target.hostInterface);
  addElements(elements);
  forgetFlows(ports);
  return [...removalDatagrams(ports.map((port) => keyElement(table, port))), ...flowListings(ports, target)];
}

/** For a container that was killed together with its monitor. */
export function unpublishPorts(paths: Paths, ports: readonly PublishedPort[]): void {
  const table = portsTable(paths);
  removeElements(ports.map((port) => keyElement(table, port)));
  forgetFlows(ports);
}

/** What clients have sent until now went elsewhere, and what they go on sending would follow it. */
const forgetFlows = (ports: readonly PublishedPort[]): void =>
  forgetUdpFlows(
    ports.filter(isUdp).map(({ hostAddress, hostPort }) => ({
      family: hostAddress.includes(":") ? 6 : 4,
      ...(!isAny(hostAddress) && { address: hostAddress }),
      port: hostPort,
    })),
  );

/** At the container's end the flows are those that lead to its addresses, which are soon another's. */
function flowListings(ports: readonly PublishedPort[], { address, address6 }: PortTarget): Buffer[] {
  if (!ports.some(isUdp)) return [];
  return [address, address6].flatMap((each) => (each === undefined ? [] : udpFlowsTo(each)));
}

const isUdp = ({ protocol }: PublishedPort): boolean => protocol === "udp";

/** An address of the host can lead to an address of its own family only. */
function mapElement(table: string, port: PublishedPort, target: PortTarget): SetElement | undefined {
  const address = port.hostAddress.includes(":") ? target.address6 : target.address;
  if (address === undefined) return undefined;
  const data = Buffer.concat([bytesOf(address), portBytes(port.containerPort)]);
  return { ...keyElement(table, port), data };
}

const keyElement = (table: string, port: PublishedPort): SetElement => ({
  table,
  set: mapOf(port),
  key: keyOf(port),
});

const isAny = (address: string): boolean => address === "0.0.0.0" || address === "::";

const mapOf = ({ hostAddress }: PublishedPort): string =>
  `published${hostAddress.includes(":") ? 6 : 4}${isAny(hostAddress) ? "_any" : ""}`;

const keyOf = ({ protocol, hostAddress, hostPort }: PublishedPort): Buffer =>
  Buffer.concat([
    Buffer.from([PROTOCOL_NUMBERS[protocol], 0, 0, 0]),
    ...(isAny(hostAddress) ? [] : [bytesOf(hostAddress)]),
    portBytes(hostPort),
  ]);

function bytesOf(address: string): Buffer {
  const bytes = ipBytes(address);
  if (bytes === undefined) throw new RangeError(`${address} is not an IP address`);
  return bytes;
}

/** In network order, padded. */
const portBytes = (port: number): Buffer => Buffer.from([port >> 8, port & 255, 0, 0]);

function bridgeElements(table: string, { bridge, subnet, subnet6 }: PortTarget): SetElement[] {
  const name = Buffer.alloc(IFNAMSIZ);
  name.write(bridge);
  const hairpin = (set: string, network: string): SetElement => {
    const [first, last] = rangeOf(network);
    return { table, set, key: Buffer.concat([name, first]), keyEnd: Buffer.concat([name, last]) };
  };
  return [
    { table, set: "bridges", key: name },
    ...(subnet === undefined ? [] : [hairpin("hairpins4", subnet)]),
    ...(subnet6 === undefined ? [] : [hairpin("hairpins6", subnet6)]),
  ];
}

/** The first and the last address of a network. */
function rangeOf(text: string): [Buffer, Buffer] {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new RangeError(`${text} is not a network`);
  const { family } = cidr;
  return [
    bytesOf(formatIp({ family, value: cidr.base })),
    bytesOf(formatIp({ family, value: lastOf(cidr) })),
  ];
}

function letBack(port: string): void {
  using route = openNetlink(NETLINK_ROUTE);
  for (const { index } of route.request(getLink(port)).flat().map(decodeLink))
    route.request(setHairpin(index));
}

/** Packets from 127.0.0.1 may leave by the bridge; the rules see to it that none comes in by it. */
function letLoopbackIn(bridge: string): void {
  writeNetworkSetting(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`, "1");
}
