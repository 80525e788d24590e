/** IPv4 addresses and routes by rtnetlink(7): requests for NetlinkSocket and the decoding of what it returns. */
import {
  attribute,
  decodeAttributes,
  type NetlinkMessage,
  type NetlinkRequest,
  NLM_F_CREATE,
  NLM_F_EXCL,
  u32Attribute,
} from "./netlink-message.ts";

const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RTN_UNICAST = 1;

const AF_INET = 2;

/** An address of a link: "172.17.0.1" with the length of its network's prefix. */
export interface InterfaceAddress {
  readonly linkIndex: number;
  readonly address: string;
  readonly prefixLength: number;
}

export interface Route {
  /** "0.0.0.0" with length 0 for a default route. */
  readonly destination: string;
  readonly prefixLength: number;
  readonly gateway: string | undefined;
  readonly linkIndex: number | undefined;
}

/** Gives a link an address; the kernel adds the route to its network if the link is up. EEXIST if it has it. */
export function addAddress(address: InterfaceAddress & { broadcast: string }): NetlinkRequest {
  return {
    operation: "RTM_NEWADDR",
    subject: `${address.address}/${address.prefixLength}`,
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([
      addressHeader(address.linkIndex, address.prefixLength),
      attribute(IFA_LOCAL, ipv4Bytes(address.address)),
      attribute(IFA_ADDRESS, ipv4Bytes(address.address)),
      attribute(IFA_BROADCAST, ipv4Bytes(address.broadcast)),
    ]),
  };
}

/** The addresses of one link, or of all, for NetlinkSocket.dump(). */
export function listAddresses(linkIndex = 0): NetlinkRequest {
  return {
    operation: "RTM_GETADDR",
    subject: linkIndex === 0 ? "all links" : `link ${linkIndex}`,
    type: RTM_GETADDR,
    flags: 0,
    body: addressHeader(linkIndex, 0),
  };
}

export function decodeAddress({ body }: NetlinkMessage): InterfaceAddress {
  const attributes = decodeAttributes(body.subarray(8));
  return {
    linkIndex: body.readUInt32LE(4),
    address: ipv4Text(attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)) ?? "0.0.0.0",
    prefixLength: body.readUInt8(1),
  };
}

/** A route in the main table; without a gateway the destination is on the link itself. */
export function addRoute(route: Route): NetlinkRequest {
  const attributes: Buffer[] = [];
  if (route.prefixLength > 0) attributes.push(attribute(RTA_DST, ipv4Bytes(route.destination)));
  if (route.gateway !== undefined) attributes.push(attribute(RTA_GATEWAY, ipv4Bytes(route.gateway)));
  if (route.linkIndex !== undefined) attributes.push(u32Attribute(RTA_OIF, route.linkIndex));
  const header = routeHeader(route.prefixLength);
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(RTPROT_BOOT, 5);
  header.writeUInt8(RT_SCOPE_UNIVERSE, 6);
  header.writeUInt8(RTN_UNICAST, 7);
  return {
    operation: "RTM_NEWROUTE",
    subject: `${route.destination}/${route.prefixLength}`,
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([header, ...attributes]),
  };
}

/** Everything that leaves the connected networks goes through `gateway`. */
export function addDefaultRoute(gateway: string, linkIndex: number): NetlinkRequest {
  return addRoute({ destination: "0.0.0.0", prefixLength: 0, gateway, linkIndex });
}

/** The routes of all tables, for NetlinkSocket.dump(). */
export function listRoutes(): NetlinkRequest {
  return {
    operation: "RTM_GETROUTE",
    subject: "all routes",
    type: RTM_GETROUTE,
    flags: 0,
    body: routeHeader(0),
  };
}

export function decodeRoute({ body }: NetlinkMessage): Route {
  const attributes = decodeAttributes(body.subarray(12));
  return {
    destination: ipv4Text(attributes.get(RTA_DST)) ?? "0.0.0.0",
    prefixLength: body.readUInt8(1),
    gateway: ipv4Text(attributes.get(RTA_GATEWAY)),
    linkIndex: attributes.get(RTA_OIF)?.readUInt32LE(),
  };
}

/** struct ifaddrmsg {u8 family, u8 prefix length, u8 flags, u8 scope, u32 link index}. */
function addressHeader(linkIndex: number, prefixLength: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt32LE(linkIndex, 4);
  return header;
}

/** struct rtmsg {u8 family, destination length, source length, tos, table, protocol, scope, type, u32 flags}. */
function routeHeader(prefixLength: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(prefixLength, 1);
  return header;
}

const ipv4Bytes = (address: string): Buffer => Buffer.from(address.split(".").map(Number));
const ipv4Text = (bytes: Buffer | undefined): string | undefined => bytes?.join(".");
