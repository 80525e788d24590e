/** What all netlink messages to nftables have in common: linux/netfilter/nf_tables.h, which has no man page. */
import type { NetlinkRequest } from "./netlink-message.ts";

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
/** NFPROTO_INET, NFPROTO_IPV4. */
const FAMILIES = { inet: 1, ip: 2 } as const;

export type NftFamily = keyof typeof FAMILIES;

export interface NftMessage {
  /** "NFT_MSG_NEWRULE", and its number. */
  operation: string;
  type: number;
  family: NftFamily;
  subject: string;
  flags?: number;
  attributes: readonly Buffer[];
}

export const nftMessage = ({
  operation,
  type,
  family,
  subject,
  flags = 0,
  attributes,
}: NftMessage): NetlinkRequest => ({
  operation,
  subject,
  type: (NFNL_SUBSYS_NFTABLES << 8) | type,
  flags,
  // struct nfgenmsg {u8 family, u8 version, be16 resource id}
  body: Buffer.concat([Buffer.from([FAMILIES[family], 0, 0, 0]), ...attributes]),
});

/** The kernel carries out all of them or none, and acknowledges each, but not the marks around them. */
export const transaction = (requests: readonly NetlinkRequest[]): NetlinkRequest[] => [
  mark("NFNL_MSG_BATCH_BEGIN", NFNL_MSG_BATCH_BEGIN),
  ...requests,
  mark("NFNL_MSG_BATCH_END", NFNL_MSG_BATCH_END),
];

const mark = (operation: string, type: number): NetlinkRequest => ({
  operation,
  subject: "nftables",
  type,
  flags: 0,
  body: Buffer.from([0, 0, 0, NFNL_SUBSYS_NFTABLES]),
  unanswered: true,
});
