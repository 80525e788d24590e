/** Network links by rtnetlink(7): requests for NetlinkSocket.request() and the decoding of what it returns. */
import {
  attribute,
  decodeAttributes,
  decodeString,
  decoding,
  type NetlinkMessage,
  type NetlinkRequest,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  nested,
  stringAttribute,
  u8Attribute,
  u32Attribute,
} from "./netlink-message.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWNEIGH = 28;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_PROTINFO = 12;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_BRPORT_MODE = 4;
const IFLA_AF_SPEC = 26;
const IFLA_NET_NS_FD = 28;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const VETH_INFO_PEER = 1;
const IFLA_MACVLAN_MODE = 1;
const MACVLAN_MODE_BRIDGE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const AF_BRIDGE = 7;
const AF_INET6 = 10;
const NDA_LLADDR = 2;
const NUD_NOARP = 0x40;
const NTF_MASTER = 0x04;
const IFF_UP = 1;

/** In every network namespace the loopback link is the first (LOOPBACK_IFINDEX in the kernel's net/flow.h). */
export const LOOPBACK_INDEX = 1;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** "bridge", "veth", …; undefined for hardware and loopback. */
  readonly kind: string | undefined;
  readonly macAddress: string | undefined;
  readonly mtu: number | undefined;
  /** Index of the bridge that it is a port of. */
  readonly master: number | undefined;
  /** Index, in the namespace where that is, of a veth's other end or of the link below a macvlan. */
  readonly lower: number | undefined;
}

/** A link by index or by name. */
export type LinkReference = number | string;

export interface LinkChanges {
  up?: boolean;
  mtu?: number;
  macAddress?: string;
  /** Index of the bridge that it becomes a port of. */
  master?: number;
}

/** A bridge with a fixed address: one without takes the lowest of its ports' and changes with them. */
export function createBridge(name: string, macAddress: string): NetlinkRequest {
  const attributes = [
    stringAttribute(IFLA_IFNAME, name),
    attribute(IFLA_ADDRESS, macBytes(macAddress)),
    nested(IFLA_LINKINFO, stringAttribute(IFLA_INFO_KIND, "bridge")),
  ];
  return create(name, attributes);
}

/** A link that carries nothing anywhere: the host's side of a network that is all inside. */
export function createDummy(name: string, macAddress: string): NetlinkRequest {
  const attributes = [
    stringAttribute(IFLA_IFNAME, name),
    attribute(IFLA_ADDRESS, macBytes(macAddress)),
    nested(IFLA_LINKINFO, stringAttribute(IFLA_INFO_KIND, "dummy")),
  ];
  return create(name, attributes);
}

export interface MacvlanOptions {
  name: string;
  /** Index of the host's link that it shares. */
  parent: number;
  /** The network namespace that it is made in, an open descriptor. */
  netns: number;
  macAddress: string;
}

/** A link with an address of its own on the wire of another; those of one parent reach each other (mode bridge). */
export function createMacvlan({ name, parent, netns, macAddress }: MacvlanOptions): NetlinkRequest {
  const mode = nested(IFLA_INFO_DATA, u32Attribute(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE));
  return create(name, [
    stringAttribute(IFLA_IFNAME, name),
    attribute(IFLA_ADDRESS, macBytes(macAddress)),
    u32Attribute(IFLA_LINK, parent),
    u32Attribute(IFLA_NET_NS_FD, netns),
    nested(IFLA_LINKINFO, stringAttribute(IFLA_INFO_KIND, "macvlan"), mode),
  ]);
}

/** Keeps a port of a bridge from the other ports that are kept so; the bridge itself it reaches (Linux 4.18). */
export function isolatePort(link: LinkReference): NetlinkRequest {
  const isolated = nested(IFLA_PROTINFO, u8Attribute(IFLA_BRPORT_ISOLATED, 1));
  const header = linkHeader({ link });
  header.writeUInt8(AF_BRIDGE, 0);
  return linkRequest("RTM_SETLINK", RTM_SETLINK, link, [header, ...nameOf(link), isolated]);
}

export interface VethOptions {
  name: string;
  /** Index of the bridge that this end becomes a port of. */
  master?: number;
  mtu?: number;
  /** The other end, made directly in the network namespace behind `netns`, an open descriptor. */
  peer: { name: string; netns: number; macAddress: string };
}

/** A pair of virtual Ethernet links, veth(4); both ends are down. */
export function createVeth({ name, master, mtu, peer }: VethOptions): NetlinkRequest {
  const mtuAttribute = mtu === undefined ? [] : [u32Attribute(IFLA_MTU, mtu)];
  const peerEnd = nested(
    VETH_INFO_PEER,
    linkHeader({}),
    stringAttribute(IFLA_IFNAME, peer.name),
    attribute(IFLA_ADDRESS, macBytes(peer.macAddress)),
    u32Attribute(IFLA_NET_NS_FD, peer.netns),
    ...mtuAttribute,
  );
  const attributes = [
    stringAttribute(IFLA_IFNAME, name),
    nested(IFLA_LINKINFO, stringAttribute(IFLA_INFO_KIND, "veth"), nested(IFLA_INFO_DATA, peerEnd)),
    ...mtuAttribute,
  ];
  if (master !== undefined) attributes.push(u32Attribute(IFLA_MASTER, master));
  return create(name, attributes);
}

function create(name: string, attributes: Buffer[]): NetlinkRequest {
  return {
    operation: "RTM_NEWLINK",
    subject: name,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([linkHeader({}), ...attributes]),
  };
}

/** Changes a link; the kernel applies what is given in one go, `up` after the rest. */
export function setLink(link: LinkReference, changes: LinkChanges): NetlinkRequest {
  const { up, mtu, macAddress, master } = changes;
  const attributes = [linkHeader({ link, up }), ...nameOf(link)];
  if (mtu !== undefined) attributes.push(u32Attribute(IFLA_MTU, mtu));
  if (macAddress !== undefined) attributes.push(attribute(IFLA_ADDRESS, macBytes(macAddress)));
  if (master !== undefined) attributes.push(u32Attribute(IFLA_MASTER, master));
  return linkRequest("RTM_SETLINK", RTM_SETLINK, link, attributes);
}

/** Moves a link to another network namespace, an open descriptor, under a name that is free there: in one step. */
export function moveLink(link: number, { netns, name }: { netns: number; name: string }): NetlinkRequest {
  const attributes = [stringAttribute(IFLA_IFNAME, name), u32Attribute(IFLA_NET_NS_FD, netns)];
  return linkRequest("RTM_SETLINK", RTM_SETLINK, link, [linkHeader({ link }), ...attributes]);
}

/**
 * Keeps the kernel from giving a link an IPv6 link-local address when it comes up. Sent before the link is set up:
 * within one RTM_SETLINK the kernel applies this after the flags. Where the kernel runs without IPv6, nothing to do.
 */
export function disableLinkLocal(link: LinkReference): NetlinkRequest {
  const mode = nested(AF_INET6, u8Attribute(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE));
  const attributes = [linkHeader({ link }), ...nameOf(link), nested(IFLA_AF_SPEC, mode)];
  return { ...linkRequest("RTM_SETLINK", RTM_SETLINK, link, attributes), tolerate: ["EAFNOSUPPORT"] };
}

/** Tells a bridge behind which port, a link's index, a MAC address is now; it need not learn it from a packet. */
export function setBridgePort(port: number, macAddress: string): NetlinkRequest {
  // struct ndmsg {u8 family, 3 bytes padding, s32 link index, u16 state, u8 flags, u8 type}
  const header = Buffer.alloc(12);
  header.writeUInt8(AF_BRIDGE, 0);
  header.writeInt32LE(port, 4);
  header.writeUInt16LE(NUD_NOARP, 8);
  header.writeUInt8(NTF_MASTER, 10);
  return {
    operation: "RTM_NEWNEIGH",
    subject: macAddress,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: Buffer.concat([header, attribute(NDA_LLADDR, macBytes(macAddress))]),
  };
}

/**
 * Lets a bridge send a frame back by the port, a link's index, that it came from, as is needed where a container reaches itself by the host's
 * address and br_netfilter translates that within the bridge.
 */
export function setHairpin(port: number): NetlinkRequest {
  const header = linkHeader({ link: port });
  header.writeUInt8(AF_BRIDGE, 0);
  const mode = nested(IFLA_PROTINFO, u8Attribute(IFLA_BRPORT_MODE, 1));
  return linkRequest("RTM_SETLINK", RTM_SETLINK, port, [header, mode]);
}

export function deleteLink(link: LinkReference): NetlinkRequest {
  return linkRequest("RTM_DELLINK", RTM_DELLINK, link, [linkHeader({ link }), ...nameOf(link)]);
}

/** Answered by one message for decodeLink(), or refused with ENODEV. */
export function getLink(link: LinkReference): NetlinkRequest {
  return linkRequest("RTM_GETLINK", RTM_GETLINK, link, [linkHeader({ link }), ...nameOf(link)]);
}

/** For NetlinkSocket.dump(). */
export function listLinks(): NetlinkRequest {
  return linkRequest("RTM_GETLINK", RTM_GETLINK, "all links", [linkHeader({})]);
}

export function decodeLink({ body }: NetlinkMessage): Link {
  return decoding("RTM_NEWLINK", () => {
    const attributes = decodeAttributes(body.subarray(16));
    const linkInfo = attributes.get(IFLA_LINKINFO);
    const address = attributes.get(IFLA_ADDRESS);
    return {
      index: body.readInt32LE(4),
      name: decodeString(attributes.get(IFLA_IFNAME)) ?? "",
      up: (body.readUInt32LE(8) & IFF_UP) !== 0,
      kind: linkInfo && decodeString(decodeAttributes(linkInfo).get(IFLA_INFO_KIND)),
      macAddress: address && [...address].map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
      mtu: attributes.get(IFLA_MTU)?.readUInt32LE(),
      master: attributes.get(IFLA_MASTER)?.readUInt32LE(),
      lower: attributes.get(IFLA_LINK)?.readUInt32LE(),
    };
  });
}

function linkRequest(operation: string, type: number, link: LinkReference, parts: Buffer[]): NetlinkRequest {
  const subject = typeof link === "string" ? link : `link ${link}`;
  return { operation, subject, type, flags: 0, body: Buffer.concat(parts) };
}

/** struct ifinfomsg {u8 family, u8 pad, u16 type, s32 index, u32 flags, u32 mask of the flags that change}. */
function linkHeader({ link, up }: { link?: LinkReference; up?: boolean | undefined }): Buffer {
  const header = Buffer.alloc(16);
  if (typeof link === "number") header.writeInt32LE(link, 4);
  if (up !== undefined) {
    header.writeUInt32LE(up ? IFF_UP : 0, 8);
    header.writeUInt32LE(IFF_UP, 12);
  }
  return header;
}

/** The attribute that selects a link by name where the header names no index. */
function nameOf(link: LinkReference): Buffer[] {
  return typeof link === "string" ? [stringAttribute(IFLA_IFNAME, link)] : [];
}

const macBytes = (macAddress: string): Buffer => Buffer.from(macAddress.replaceAll(":", ""), "hex");
