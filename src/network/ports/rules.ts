/**
 * The rules that pass ports of the host on: one nftables table for each <run> directory, whose maps say which port
 * goes where. Destination NAT keeps the client's address, so that servers see who asks; only where an answer would
 * miss the way back is the source replaced too: a client on the container's own bridge, or on the host's loopback.
 *
 * The rules are the same for every container and made once. What changes is elements (publish.ts).
 */
import { join } from "node:path";
import { TsrunError } from "../../errors.ts";
import { nftChainComment, runNft } from "../../kernel/nftables.ts";
import { lock } from "../../store/locks.ts";
import { locksDir, type Paths } from "../../store/paths.ts";
import { instanceTable } from "../instance.ts";

/** Raised when the rules change. */
const VERSION = 1;
/** Through which all published ports go. */
export const PORTS_CHAIN = "published";

/** A table beside that of the networks' own rules (firewall-rules.ts). */
export const portsTable = (paths: Pick<Paths, "run">): string => `${instanceTable(paths)}-ports`;

/** All is made in one transaction, so that this chain's comment vouches for everything. */
const COMMENT = `tsrun ${VERSION}`;

/** Whether the rules are there; somebody may have flushed them. */
export const hasPortsTable = (paths: Pick<Paths, "run">): boolean =>
  nftChainComment(portsTable(paths), PORTS_CHAIN) === COMMENT;

/** Makes the table where it is missing or an older one; its elements, if any, go with the older one. */
export async function ensurePortsTable(paths: Paths): Promise<void> {
  const table = portsTable(paths);
  if (hasPortsTable(paths)) return;
  using _ = await lock(join(locksDir(paths), "network-ports"));
  if (hasPortsTable(paths)) return;
  try {
    runNft(portRules(table));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TsrunError(
      "ERR_TSRUN_NFTABLES",
      `cannot write the nftables rules of published ports: ${reason}`,
      {
        hint: "tsrun needs root, libnftables (apt-get install libnftables1) and a kernel with nft_nat, nft_fib_inet and nft_masq",
        cause,
      },
    );
  }
}

/** One transaction. `local` addresses are the host's own: what it forwards for others is nobody's published port. */
function portRules(table: string): string {
  return `
table inet ${table}
delete table inet ${table}
table inet ${table} {
  map published4 { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map published4_any { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map published6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service; }
  map published6_any { type inet_proto . inet_service : ipv6_addr . inet_service; }
  set bridges { type ifname; }
  set hairpins4 { type ifname . ipv4_addr; flags interval; }
  set hairpins6 { type ifname . ipv6_addr; flags interval; }
  chain ${PORTS_CHAIN} {
    comment "${COMMENT}"
    dnat ip to meta l4proto . ip daddr . th dport map @published4
    dnat ip to meta l4proto . th dport map @published4_any
    dnat ip6 to meta l4proto . ip6 daddr . th dport map @published6
    dnat ip6 to meta l4proto . th dport map @published6_any
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump ${PORTS_CHAIN}
  }
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump ${PORTS_CHAIN}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat oifname . ip saddr @hairpins4 masquerade
    ct status dnat oifname . ip6 saddr @hairpins6 masquerade
    ip saddr 127.0.0.0/8 oifname @bridges masquerade
  }
  chain loopback {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
  }
}
`;
}
