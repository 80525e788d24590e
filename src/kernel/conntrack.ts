/**
 * Flows that the packet filter keeps in mind: linux/netfilter/nfnetlink_conntrack.h, which has no man page.
 *
 * Whatever the rules say by now, packets of a known flow go where its first one went. A connection of TCP finds out,
 * because nobody answers; UDP has none, and its flow lives for as long as the client sends.
 */
import { ipBytes } from "./ip-address.ts";
import { NETLINK_NETFILTER, openNetlink } from "./netlink.ts";
import {
  attribute,
  decodeAttributes,
  encodeMessage,
  type NetlinkMessage,
  type NetlinkRequest,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  nested,
  u32Attribute,
} from "./netlink-message.ts";

/** A destination as clients see it, before any translation. */
export interface FlowDestination {
  family: 4 | 6;
  /** Any address of the family by default. */
  address?: string;
  port: number;
}

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_STATUS = 3;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_SRC = { 4: 1, 6: 3 } as const;
const CTA_IP_DST = { 4: 2, 6: 4 } as const;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
/** Which fields of a tuple a filter compares: net/netfilter/nf_internals.h, since Linux 5.8. */
const [F_IP_SRC, F_PROTO_NUM, F_PROTO_DST_PORT] = [1 << 0, 1 << 3, 1 << 5];

const IPS_SRC_NAT = 1 << 4;
const IPS_DST_NAT = 1 << 5;

const UDP = 17;
const FAMILIES = { 4: 2, 6: 10 } as const;

/**
 * Forgets the UDP flows to these destinations: the next packet of each is judged by the rules as they are now. What is
 * merely forwarded to such a port elsewhere, and leaves with the host's address, is left alone.
 */
export function forgetUdpFlows(destinations: readonly FlowDestination[]): void {
  if (destinations.length === 0) return;
  using socket = openNetlink(NETLINK_NETFILTER);
  for (const family of [4, 6] as const) {
    const wanted = new Set(destinations.filter((each) => each.family === family).map(keyOf));
    if (wanted.size === 0) continue;
    const ports = new Set(destinations.filter((each) => each.family === family).map(({ port }) => port));
    // One look at all flows costs less than one for each of many ports.
    const [only] = ports.size === 1 ? ports : [];
    const flows = socket.dump(listing(family, only)).filter((flow) => isTo(flow, family, wanted));
    if (flows.length > 0) socket.request(...flows.map(deletion));
  }
}

/**
 * Lists the UDP flows that end at an address, whatever address their clients know: a datagram, for somebody who sends
 * each flow of the answer back as one to delete (native/monitor/ports.c).
 */
export const udpFlowsTo = (address: string): Buffer => {
  const family = address.includes(":") ? 6 : 4;
  const tuple = [
    nested(CTA_TUPLE_IP, attribute(CTA_IP_SRC[family], bytesOf(address))),
    nested(CTA_TUPLE_PROTO, attribute(CTA_PROTO_NUM, Buffer.of(UDP))),
  ];
  const request = message("IPCTNL_MSG_CT_GET", IPCTNL_MSG_CT_GET, family, [
    nested(CTA_TUPLE_REPLY, ...tuple),
    nested(CTA_FILTER, u32Attribute(CTA_FILTER_REPLY_FLAGS, F_IP_SRC | F_PROTO_NUM)),
  ]);
  return encodeMessage(request, NLM_F_REQUEST | NLM_F_DUMP, 1);
};

/** The family's UDP flows, of one port perhaps. */
function listing(family: 4 | 6, port: number | undefined): NetlinkRequest {
  const proto = [attribute(CTA_PROTO_NUM, Buffer.of(UDP))];
  if (port !== undefined) proto.push(attribute(CTA_PROTO_DST_PORT, Buffer.of(port >> 8, port & 255)));
  const fields = F_PROTO_NUM | (port === undefined ? 0 : F_PROTO_DST_PORT);
  return message("IPCTNL_MSG_CT_GET", IPCTNL_MSG_CT_GET, family, [
    nested(CTA_TUPLE_ORIG, nested(CTA_TUPLE_PROTO, ...proto)),
    nested(CTA_FILTER, u32Attribute(CTA_FILTER_ORIG_FLAGS, fields)),
  ]);
}

/** A flow is deleted by what the kernel has told of it, its id among it. It may have gone by itself since. */
const deletion = ({ body }: NetlinkMessage): NetlinkRequest => ({
  operation: "IPCTNL_MSG_CT_DELETE",
  subject: "conntrack",
  type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
  flags: 0,
  body,
  tolerate: ["ENOENT"],
});

function message(operation: string, type: number, family: 4 | 6, attributes: Buffer[]): NetlinkRequest {
  return {
    operation,
    subject: "conntrack",
    type: (NFNL_SUBSYS_CTNETLINK << 8) | type,
    flags: 0,
    body: Buffer.concat([Buffer.of(FAMILIES[family], 0, 0, 0), ...attributes]),
    // No such subsystem: a kernel without nf_conntrack_netlink, where flows are forgotten when they have been silent.
    tolerate: ["EINVAL"],
  };
}

/** struct nfgenmsg, then attributes; tuples and numbers in network order. */
function isTo({ body }: NetlinkMessage, family: 4 | 6, wanted: ReadonlySet<string>): boolean {
  const flow = decodeAttributes(body.subarray(4));
  const status = flow.get(CTA_STATUS)?.readUInt32BE(0) ?? 0;
  if ((status & (IPS_SRC_NAT | IPS_DST_NAT)) === IPS_SRC_NAT) return false;
  const tuple = inside(flow.get(CTA_TUPLE_ORIG));
  const address = inside(tuple.get(CTA_TUPLE_IP)).get(CTA_IP_DST[family])?.toString("hex");
  const port = inside(tuple.get(CTA_TUPLE_PROTO)).get(CTA_PROTO_DST_PORT)?.readUInt16BE(0);
  return wanted.has(`${address} ${port}`) || wanted.has(`any ${port}`);
}

const keyOf = ({ address, port }: FlowDestination): string =>
  `${address === undefined ? "any" : bytesOf(address).toString("hex")} ${port}`;

const inside = (payload: Buffer | undefined): Map<number, Buffer> =>
  decodeAttributes(payload ?? Buffer.alloc(0));

function bytesOf(address: string): Buffer {
  const bytes = ipBytes(address);
  if (bytes === undefined) throw new RangeError(`${address} is not an IP address`);
  return bytes;
}
