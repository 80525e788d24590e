/** IP addresses and routes by rtnetlink(7): requests for NetlinkSocket and the decoding of what it returns. */
import { ipBytes, ipText } from "./ip-address.ts";
import {
  attribute,
  decodeAttributes,
  decoding,
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
const IFA_F_NODAD = 0x02;
const IFA_F_PERMANENT = 0x80;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RTN_UNICAST = 1;
const RTM_DELROUTE = 25;

export const AF_INET = 2;
export const AF_INET6 = 10;
export type AddressFamily = typeof AF_INET | typeof AF_INET6;

/** An address of a link: "172.17.0.1", "fd00::1" with the length of its network's prefix. */
export interface InterfaceAddress {
  readonly linkIndex: number;
  readonly address: string;
  readonly prefixLength: number;
}

export interface Route {
  /** "0.0.0.0" or "::" with length 0 for a default route. */
  readonly destination: string;
  readonly prefixLength: number;
  readonly gateway: string | undefined;
  readonly linkIndex: number | undefined;
}

/**
 * Gives a link an address; the kernel adds the route to its network if the link is up. EEXIST if it has it. One of
 * IPv6 is of use at once: who gives it away knows that nobody else has it, and nothing is asked (RFC 4862, 5.4).
 */
export function addAddress(address: InterfaceAddress & { broadcast?: string | undefined }): NetlinkRequest {
  const bytes = bytesOf(address.address);
  const header = addressHeader(address.linkIndex, address.prefixLength, familyOf(bytes));
  if (familyOf(bytes) === AF_INET6) header.writeUInt8(IFA_F_NODAD, 2);
  return {
    operation: "RTM_NEWADDR",
    subject: `${address.address}/${address.prefixLength}`,
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([
      header,
      attribute(IFA_LOCAL, bytes),
      attribute(IFA_ADDRESS, bytes),
      ...(address.broadcast === undefined ? [] : [attribute(IFA_BROADCAST, bytesOf(address.broadcast))]),
    ]),
  };
}

/** The addresses of one link, or of all, for NetlinkSocket.dump(). */
export function listAddresses(linkIndex = 0, family: AddressFamily = AF_INET): NetlinkRequest {
  return {
    operation: "RTM_GETADDR",
    subject: linkIndex === 0 ? "all links" : `link ${linkIndex}`,
    type: RTM_GETADDR,
    flags: 0,
    body: addressHeader(linkIndex, 0, family),
  };
}

export function decodeAddress({ body }: NetlinkMessage): InterfaceAddress {
  return decoding("RTM_NEWADDR", () => {
    const attributes = decodeAttributes(body.subarray(8));
    return {
      linkIndex: body.readUInt32LE(4),
      address: ipTextOf(attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)) ?? "0.0.0.0",
      prefixLength: body.readUInt8(1),
    };
  });
}

/** Whether an address was given to its link for good, and means the same everywhere: not by DHCP, not link-local. */
export const isLasting = ({ body }: NetlinkMessage): boolean =>
  decoding(
    "RTM_NEWADDR",
    () => (body.readUInt8(2) & IFA_F_PERMANENT) !== 0 && body.readUInt8(3) === RT_SCOPE_UNIVERSE,
  );

/** A route in the main table; without a gateway the destination is on the link itself. */
export function addRoute(route: Route): NetlinkRequest {
  return {
    operation: "RTM_NEWROUTE",
    subject: `${route.destination}/${route.prefixLength}`,
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: routeBody(route),
  };
}

/** ESRCH where there is no such route. */
export function deleteRoute(route: Route): NetlinkRequest {
  return {
    operation: "RTM_DELROUTE",
    subject: `${route.destination}/${route.prefixLength}`,
    type: RTM_DELROUTE,
    flags: 0,
    body: routeBody(route),
  };
}

function routeBody(route: Route): Buffer {
  const attributes: Buffer[] = [];
  if (route.prefixLength > 0) attributes.push(attribute(RTA_DST, bytesOf(route.destination)));
  if (route.gateway !== undefined) attributes.push(attribute(RTA_GATEWAY, bytesOf(route.gateway)));
  if (route.linkIndex !== undefined) attributes.push(u32Attribute(RTA_OIF, route.linkIndex));
  const header = routeHeader(route.prefixLength, familyOf(bytesOf(route.destination)));
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(RTPROT_BOOT, 5);
  header.writeUInt8(RT_SCOPE_UNIVERSE, 6);
  header.writeUInt8(RTN_UNICAST, 7);
  return Buffer.concat([header, ...attributes]);
}

/** Everything that leaves the connected networks goes through `gateway`. */
export function defaultRoute(gateway: string, linkIndex: number): Route {
  const destination = gateway.includes(":") ? "::" : "0.0.0.0";
  return { destination, prefixLength: 0, gateway, linkIndex };
}

/** The routes of all tables, for NetlinkSocket.dump(). */
export function listRoutes(family: AddressFamily = AF_INET): NetlinkRequest {
  return {
    operation: "RTM_GETROUTE",
    subject: "all routes",
    type: RTM_GETROUTE,
    flags: 0,
    body: routeHeader(0, family),
  };
}

export function decodeRoute({ body }: NetlinkMessage): Route {
  return decoding("RTM_NEWROUTE", () => {
    const attributes = decodeAttributes(body.subarray(12));
    const anywhere = body.readUInt8(0) === AF_INET6 ? "::" : "0.0.0.0";
    return {
      destination: ipTextOf(attributes.get(RTA_DST)) ?? anywhere,
      prefixLength: body.readUInt8(1),
      gateway: ipTextOf(attributes.get(RTA_GATEWAY)),
      linkIndex: attributes.get(RTA_OIF)?.readUInt32LE(),
    };
  });
}

/** Whether packets take a route: it is of the main table, and neither the host's own address nor a refusal. */
export const isForwarding = ({ body }: NetlinkMessage): boolean =>
  body.readUInt8(4) === RT_TABLE_MAIN && body.readUInt8(7) === RTN_UNICAST;

/** struct ifaddrmsg {u8 family, u8 prefix length, u8 flags, u8 scope, u32 link index}. */
function addressHeader(linkIndex: number, prefixLength: number, family: AddressFamily): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(family, 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt32LE(linkIndex, 4);
  return header;
}

/** struct rtmsg {u8 family, destination length, source length, tos, table, protocol, scope, type, u32 flags}. */
function routeHeader(prefixLength: number, family: AddressFamily): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(family, 0);
  header.writeUInt8(prefixLength, 1);
  return header;
}

function bytesOf(address: string): Buffer {
  const bytes = ipBytes(address);
  if (bytes === undefined) throw new RangeError(`no IP address: ${address}`);
  return bytes;
}

const familyOf = (bytes: Buffer): AddressFamily => (bytes.length === 4 ? AF_INET : AF_INET6);
const ipTextOf = (bytes: Buffer | undefined): string | undefined => bytes && ipText(bytes);
