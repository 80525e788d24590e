/**
 * Elements of nftables sets and maps, by netlink messages: they change with every container, and loading libnftables
 * takes longer than a container's start.
 */
import { NETLINK_NETFILTER, openNetlink } from "./netlink.ts";
import {
  attribute,
  encodeMessage,
  type NetlinkRequest,
  NLM_F_CREATE,
  NLM_F_REQUEST,
  nested,
  stringAttribute,
} from "./netlink-message.ts";
import { nftMessage, transaction } from "./nft-message.ts";

export interface SetElement {
  /** Of family inet. */
  table: string;
  /** The set or map. */
  set: string;
  /** Its fields one after the other, each padded with zeros to a multiple of 4 bytes. */
  key: Buffer;
  /** The last key of an interval. */
  keyEnd?: Buffer;
  /** What a map has for the key, in the same form. */
  data?: Buffer;
}

const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_KEY_END = 10;
const NFTA_DATA_VALUE = 1;

/** Adds all elements or none. Throws NetlinkError: EEXIST where a key has other data, ENOENT where there is no set. */
export function addElements(elements: readonly SetElement[]): void {
  if (elements.length === 0) return;
  using socket = openNetlink(NETLINK_NETFILTER);
  socket.request(...transaction(elements.map(addition)));
}

/** Removes each element that is there. */
export function removeElements(elements: readonly SetElement[]): void {
  if (elements.length === 0) return;
  using socket = openNetlink(NETLINK_NETFILTER);
  // One that is missing would keep the others: each is a transaction of its own.
  for (const element of elements) {
    socket.request(...transaction([{ ...removal(element), tolerate: ["ENOENT"] }]));
  }
}

/** What `removeElements` would send, to be sent by somebody else later: a datagram for each element. */
export const removalDatagrams = (elements: readonly SetElement[]): Buffer[] =>
  elements.map((element) =>
    Buffer.concat(
      transaction([removal(element)]).map((request, at) => encodeMessage(request, NLM_F_REQUEST, at + 1)),
    ),
  );

const addition = (element: SetElement): NetlinkRequest =>
  change("NFT_MSG_NEWSETELEM", NFT_MSG_NEWSETELEM, element);

const removal = ({ data: _, ...element }: SetElement): NetlinkRequest =>
  change("NFT_MSG_DELSETELEM", NFT_MSG_DELSETELEM, element);

function change(
  operation: string,
  type: number,
  { table, set, key, keyEnd, data }: SetElement,
): NetlinkRequest {
  const value = (attributeType: number, bytes: Buffer) =>
    nested(attributeType, attribute(NFTA_DATA_VALUE, bytes));
  return nftMessage({
    operation,
    type,
    family: "inet",
    subject: `${table} ${set}`,
    flags: type === NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
    attributes: [
      stringAttribute(NFTA_SET_ELEM_LIST_TABLE, table),
      stringAttribute(NFTA_SET_ELEM_LIST_SET, set),
      nested(
        NFTA_SET_ELEM_LIST_ELEMENTS,
        nested(
          NFTA_LIST_ELEM,
          value(NFTA_SET_ELEM_KEY, key),
          ...(keyEnd === undefined ? [] : [value(NFTA_SET_ELEM_KEY_END, keyEnd)]),
          ...(data === undefined ? [] : [value(NFTA_SET_ELEM_DATA, data)]),
        ),
      ),
    ],
  });
}
