/**
 * An nftables table as netlink messages, for network namespaces of other processes: libnftables works in the caller's
 * own, and reading its language would take longer than everything else that a start does there. Only what tsrun needs
 * is here; names and numbers are those of linux/netfilter/nf_tables.h.
 */
import type { NetlinkSocket } from "./netlink.ts";
import { attribute, NLM_F_CREATE, nested, stringAttribute } from "./netlink-message.ts";
import { nftMessage, transaction } from "./nft-message.ts";

const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
const NLM_F_APPEND = 0x800;

const NF_INET_LOCAL_OUT = 3;
/** Before connection tracking, which nothing here needs: NF_IP_PRI_RAW. */
const PRIORITY_RAW = -300;

/** What a rule consists of: expressions that load, compare and write, in order; all of them use one register. */
export type Expression = Buffer;
export interface Field {
  header: "network" | "transport";
  offset: number;
  length: number;
}

const REGISTER = 1;
const BASES = { network: 1, transport: 2 } as const;
const CHECKSUM_INET = 1;
const META_L4PROTO = 16;
const EQUAL = 0;

/** Goes on where the packet's field has this value. */
export const fieldIs = (field: Field, value: Uint8Array): Expression[] => [
  expression(
    "payload",
    number(1, REGISTER),
    number(2, BASES[field.header]),
    number(3, field.offset),
    number(4, field.length),
  ),
  registerIs(value),
];

/** Goes on where the packet is of this protocol: 6 for TCP, 17 for UDP. */
export const protocolIs = (protocol: number): Expression[] => [
  expression("meta", number(1, REGISTER), number(2, META_L4PROTO)),
  registerIs(Uint8Array.of(protocol)),
];

/** Writes the packet's field, and keeps the checksum at `checksum` of the same header right. */
export const writeField = (field: Field, value: Uint8Array, checksum: number): Expression[] => [
  expression("immediate", number(1, REGISTER), nested(2, attribute(1, Buffer.from(value)))),
  expression(
    "payload",
    number(5, REGISTER),
    number(2, BASES[field.header]),
    number(3, field.offset),
    number(4, field.length),
    number(6, CHECKSUM_INET),
    number(7, checksum),
  ),
];

const registerIs = (value: Uint8Array): Expression =>
  expression("cmp", number(1, REGISTER), number(2, EQUAL), nested(3, attribute(1, Buffer.from(value))));

/** Makes an IPv4 table with one chain, which every packet that a process in the namespace sends goes through. */
export function createOutputTable(
  netfilter: NetlinkSocket,
  { table, rules }: { table: string; rules: readonly (readonly Expression[])[] },
): void {
  const chain = "output";
  const create = (operation: string, type: number, attributes: Buffer[], flags = NLM_F_CREATE) =>
    nftMessage({ operation, type, family: "ip", subject: table, flags, attributes });
  netfilter.request(
    ...transaction([
      create("NFT_MSG_NEWTABLE", NFT_MSG_NEWTABLE, [stringAttribute(1, table)], 0),
      create("NFT_MSG_NEWCHAIN", NFT_MSG_NEWCHAIN, [
        stringAttribute(1, table),
        stringAttribute(3, chain),
        nested(4, number(1, NF_INET_LOCAL_OUT), number(2, PRIORITY_RAW)),
        stringAttribute(7, "filter"),
      ]),
      ...rules.map((rule) =>
        create(
          "NFT_MSG_NEWRULE",
          NFT_MSG_NEWRULE,
          [stringAttribute(1, table), stringAttribute(2, chain), nested(4, ...rule)],
          NLM_F_CREATE | NLM_F_APPEND,
        ),
      ),
    ]),
  );
}

/** A list element {name, data}. */
const expression = (name: string, ...data: Buffer[]): Expression =>
  nested(1, stringAttribute(1, name), nested(2, ...data));

/** nf_tables has its numbers in network order. */
function number(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeInt32BE(value);
  return attribute(type, payload);
}
