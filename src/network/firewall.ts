/**
 * The packet filter rules of a bridge, in an nftables table of its own that carries the bridge's name, so that other
 * programs' rules are neither read nor changed.
 *
 * nftables asks every table: an accept here does not overrule a drop elsewhere. Where another program drops what it
 * does not know (Docker and ufw set the policy of iptables' FORWARD chain to DROP), containers reach the host but
 * nothing beyond, and with br_netfilter not each other, until that program is told. Telling it is the
 * administrator's decision: foreignDrops() says how.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { nftTableComment, runNft } from "../kernel/nftables.ts";
import { formatSubnet, type Subnet } from "./ipv4.ts";

/** Raised when the rules change, so that those of an older tsrun are replaced. */
const RULES_VERSION = 1;
const IP_FORWARD = "/proc/sys/net/ipv4/ip_forward";

/** Whether the host forwards packets and the bridge's rules are those of this subnet. */
export function firewallReady(bridge: string, subnet: Subnet): boolean {
  return forwards() && nftTableComment(bridge) === tableComment(subnet);
}

/** Turns forwarding on and writes the rules, whatever was in the table before. */
export function setUpFirewall(bridge: string, subnet: Subnet): void {
  if (!forwards()) writeFileSync(IP_FORWARD, "1");
  try {
    runNft(firewallRules(bridge, subnet));
  } catch (cause) {
    throw new TsrunError(
      "ERR_TSRUN_NFTABLES",
      `cannot write the nftables rules of ${bridge}: ${reason(cause)}`,
      {
        hint: "tsrun needs root, libnftables (apt-get install libnftables1) and a kernel with nf_tables, nft_masq and nf_nat",
        cause,
      },
    );
  }
}

/** A warning for each chain of another program that drops forwarded packets by its policy. */
export function foreignDrops(bridge: string): string[] {
  const chains = runNft("list chains").matchAll(/^table (\S+ \S+) \{|^\tchain (\S+) \{\s+(type [^}]*)/gm);
  const warnings: string[] = [];
  let table = "";
  for (const [, opened, chain, hook = ""] of chains) {
    if (opened !== undefined) table = opened;
    else if (/hook forward\b.*policy drop/.test(hook)) {
      warnings.push(
        `${table} ${chain} drops forwarded packets: containers on ${bridge} reach nothing beyond this host until it ` +
          `accepts them, with docker by \`iptables -I DOCKER-USER -i ${bridge} -j ACCEPT\` and ` +
          `\`iptables -I DOCKER-USER -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\``,
      );
    }
  }
  return warnings;
}

/** One transaction: the table is declared so that deleting it cannot fail, then made anew. */
export function firewallRules(bridge: string, subnet: Subnet): string {
  return `
table ip ${bridge}
delete table ip ${bridge}
table ip ${bridge} {
  comment "${tableComment(subnet)}"
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${bridge}" accept
    oifname "${bridge}" ct state established,related accept
    oifname "${bridge}" drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${formatSubnet(subnet)} oifname != "${bridge}" masquerade
  }
}
`;
}

/** A table is made whole in one transaction, so its comment vouches for its rules. */
const tableComment = (subnet: Subnet): string => `tsrun ${RULES_VERSION}: ${formatSubnet(subnet)}`;

const forwards = (): boolean => readFileSync(IP_FORWARD, "latin1").startsWith("1");

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
