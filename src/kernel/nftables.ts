/**
 * nftables rules. They are written by libnftables(3), whose language is that of nft(8); what is already there is
 * asked of the kernel directly, by one netlink message, so that a start which finds its rules in place never loads
 * the library.
 */
import { checkResult, ERRNO } from "./errors.ts";
import { declare } from "./ffi.ts";
import { hostNetwork } from "./host-network.ts";
import { native } from "./native.ts";
import { NETLINK_NETFILTER, openNetlink } from "./netlink.ts";
import { decodeAttributes, type NetlinkRequest, stringAttribute } from "./netlink-message.ts";
import { type NftFamily, nftMessage } from "./nft-message.ts";

const LIBRARY = "libnftables.so.1";
const nftCtxNew = declare(LIBRARY, "void *nft_ctx_new(uint32_t flags)");
const nftCtxFree = declare(LIBRARY, "void nft_ctx_free(void *context)");
const nftCtxBufferOutput = declare(LIBRARY, "int nft_ctx_buffer_output(void *context)");
const nftCtxBufferError = declare(LIBRARY, "int nft_ctx_buffer_error(void *context)");
const nftCtxGetOutputBuffer = declare(LIBRARY, "const char *nft_ctx_get_output_buffer(void *context)");
const nftCtxGetErrorBuffer = declare(LIBRARY, "const char *nft_ctx_get_error_buffer(void *context)");
const nftRunCmdFromBuffer = declare(
  LIBRARY,
  "int nft_run_cmd_from_buffer(void *context, const char *commands)",
);

const netnsNft = native("int tsrun_netns_nft(int nsfd, const char *commands, _Out_ const char **text)");

const NFT_MSG_GETCHAIN = 4;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_USERDATA = 12;
/** The first entry of libnftnl's user data {u8 type, u8 length, bytes} of a chain: its comment. */
const NFTNL_UDATA_CHAIN_COMMENT = 0;

/**
 * Runs nft(8) commands as one transaction, all or none of it, and returns what they print.
 * Throws an Error with the library's own words, which point at the place in the commands.
 */
export function runNft(commands: string): string {
  const netns = hostNetwork();
  return netns === undefined ? runHere(commands) : runThere(netns, commands);
}

function runThere(netns: number, commands: string): string {
  const text = [""];
  const failed = checkResult("nft", netnsNft(netns, commands, text), LIBRARY) !== 0;
  if (failed) throw new Error((text[0] ?? "").trim());
  return text[0] ?? "";
}

function runHere(commands: string): string {
  const context = nftCtxNew(0);
  try {
    nftCtxBufferOutput(context);
    nftCtxBufferError(context);
    if (nftRunCmdFromBuffer(context, commands) !== 0) throw new Error(nftCtxGetErrorBuffer(context).trim());
    return nftCtxGetOutputBuffer(context);
  } finally {
    nftCtxFree(context);
  }
}

/** The comment of a chain ("" where it has none), or undefined where there is no such chain. */
export function nftChainComment(
  table: string,
  chain: string,
  family: NftFamily = "inet",
): string | undefined {
  using socket = openNetlink(NETLINK_NETFILTER);
  const [outcome] = socket.attempt(getChain(table, chain, family));
  if (outcome?.error?.errno === ERRNO.ENOENT) return undefined;
  if (outcome === undefined || outcome.error) throw outcome?.error;
  const [reply] = outcome.replies;
  return comment(reply && decodeAttributes(reply.body.subarray(4)).get(NFTA_CHAIN_USERDATA));
}

const getChain = (table: string, chain: string, family: NftFamily): NetlinkRequest =>
  nftMessage({
    operation: "NFT_MSG_GETCHAIN",
    type: NFT_MSG_GETCHAIN,
    family,
    subject: `${table} ${chain}`,
    attributes: [stringAttribute(NFTA_CHAIN_TABLE, table), stringAttribute(NFTA_CHAIN_NAME, chain)],
  });

function comment(userData: Buffer | undefined): string {
  if (userData === undefined || userData[0] !== NFTNL_UDATA_CHAIN_COMMENT) return "";
  const length = userData[1] ?? 0;
  return userData.toString("utf8", 2, 2 + length).replace(/\0$/, "");
}
