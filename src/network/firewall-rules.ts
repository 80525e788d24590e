/**
 * The packet filter rules as text of nft(8). One table holds those of all networks:
 *
 *     table inet tsrun-<run directory's number>
 *       chain admin                 empty: an administrator's own rules go here, and are asked first
 *       chain forward               jump admin; oifname vmap @to; iifname vmap @from
 *       chain postrouting           ip saddr vmap @source4; ip6 saddr vmap @source6
 *       chain to-<bridge>           what reaches the network's containers from beyond the bridge
 *       chain from-<bridge>         of an internal network: what leaves it
 *       chain source-<bridge>       what gets the host's address as it leaves
 *
 * What comes by a published port has had its destination translated (ports/rules.ts), and so it is let in.
 *
 * A packet meets the rules of the networks that it touches and no others, however many there are. What a network's
 * rules are is in the comment of its chain to-<bridge>: all are made in one transaction, so the comment vouches for them.
 * The chain `admin` is never changed once it is there:
 *
 *     nft add rule inet tsrun-1a2b3c4d admin ip saddr 192.168.1.0/24 drop
 */
import { allowsInterContainer, masquerades } from "./network-options.ts";
import type { NetworkRecord } from "./types.ts";

/** Raised when the rules change, so that those of an older tsrun are replaced. */
const RULES_VERSION = 2;

/** What the rules of one network follow from. */
export interface FirewallNetwork {
  /** The bridge's link. */
  readonly bridge: string;
  /** CIDR of each family. */
  readonly subnets: readonly string[];
  readonly internal: boolean;
  readonly masquerade: boolean;
  readonly interContainer: boolean;
}

export function firewallNetwork(
  network: NetworkRecord,
  { bridge, subnets }: Pick<FirewallNetwork, "bridge" | "subnets">,
): FirewallNetwork {
  const masquerade = masquerades(network) && !network.internal;
  const interContainer = allowsInterContainer(network);
  return { bridge, subnets, internal: network.internal, masquerade, interContainer };
}

/** The chain whose comment tells what rules the network has. */
export const markedChain = (bridge: string): string => `to-${bridge}`;

/** At most 127 bytes (NFTNL_UDATA_COMMENT_MAXLEN). */
export function mark({ subnets, internal, masquerade, interContainer }: FirewallNetwork): string {
  const flags = [
    internal ? "internal" : "",
    masquerade ? "masquerade" : "",
    interContainer ? "" : "apart",
  ].filter(Boolean);
  return `tsrun ${RULES_VERSION}: ${[...subnets, ...flags].join(" ")}`;
}

/** What all networks share; writing it again changes nothing, and mends what is missing. */
export function sharedRules(table: string): string {
  return `
table inet ${table} {
  chain admin { }
  map to { type ifname : verdict; }
  map from { type ifname : verdict; }
  map source4 { type ipv4_addr : verdict; flags interval; }
  map source6 { type ipv6_addr : verdict; flags interval; }
  chain forward { type filter hook forward priority filter; policy accept; }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept; }
}
flush chain inet ${table} forward
flush chain inet ${table} postrouting
table inet ${table} {
  chain forward {
    jump admin
    oifname vmap @to
    iifname vmap @from
  }
  chain postrouting {
    ip saddr vmap @source4
    ip6 saddr vmap @source6
  }
}
`;
}

/** The rules of one network, of which there are none so far. */
export function networkRules(table: string, network: FirewallNetwork): string {
  const { bridge, subnets, internal, masquerade, interContainer } = network;
  // With br_netfilter, packets from one port of the bridge to another come by here too.
  const neighbours = interContainer ? `iifname "${bridge}" accept` : "";
  const sources = masquerade ? subnets : [];
  return `
table inet ${table} {
  chain to-${bridge} {
    comment "${mark(network)}"
    ct state established,related accept
    ${internal ? "" : "ct status dnat accept"}
    ${neighbours}
    drop
  }
${internal ? `  chain from-${bridge} { oifname != "${bridge}" drop; }\n` : ""}\
${sources.length > 0 ? `  chain source-${bridge} { oifname != "${bridge}" masquerade; }\n` : ""}\
}
add element inet ${table} to { "${bridge}" : jump to-${bridge} }
${internal ? `add element inet ${table} from { "${bridge}" : jump from-${bridge} }\n` : ""}\
${sources.map((subnet) => `add element inet ${table} ${sourceMap(subnet)} { ${subnet} : jump source-${bridge} }\n`).join("")}`;
}

/** Takes a network's rules out of the table, which `listed` is the text of. */
export function removalRules(table: string, bridge: string, listed: string): string {
  const isTheirs = (chain: string): boolean => /^(to|from|source)$/.test(chain);
  const lines: string[] = [];
  let map = "";
  for (const line of listed.split("\n")) {
    map = /^\tmap (\S+) \{/.exec(line)?.[1] ?? map;
    for (const [, key, chain = "", name] of line.matchAll(/("[^"]*"|[^\s,{]+) : jump ([a-z]+)-([^\s,}]+)/g))
      if (name === bridge && isTheirs(chain)) lines.push(`delete element inet ${table} ${map} { ${key} }`);
  }
  for (const [, chain = "", name] of listed.matchAll(/^\tchain ([a-z]+)-(\S+) \{/gm))
    if (name === bridge && isTheirs(chain)) lines.push(`delete chain inet ${table} ${chain}-${name}`);
  return lines.map((line) => `${line}\n`).join("");
}

const sourceMap = (subnet: string): string => (subnet.includes(":") ? "source6" : "source4");
