/**
 * The packet filter rules of the networks, in an nftables table of tsrun's own (firewall-rules.ts), so that other
 * programs' rules are neither read nor changed.
 *
 * nftables asks every table: an accept here does not overrule a drop elsewhere. Where another program drops what it
 * does not know (Docker and ufw set the policy of iptables' FORWARD chain to DROP), containers reach the host but
 * nothing beyond, and with br_netfilter not each other, until that program is told. Telling it is the
 * administrator's decision: foreignDrops() says how.
 */
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { readNetworkSetting, writeNetworkSetting } from "../kernel/host-network.ts";
import { nftChainComment, runNft } from "../kernel/nftables.ts";
import { lock } from "../store/locks.ts";
import { locksDir, type Paths } from "../store/paths.ts";
import {
  type FirewallNetwork,
  mark,
  markedChain,
  networkRules,
  removalRules,
  sharedRules,
} from "./firewall-rules.ts";
import { instanceTable } from "./instance.ts";

const FORWARDING = { 4: "/proc/sys/net/ipv4/ip_forward", 6: "/proc/sys/net/ipv6/conf/all/forwarding" };

/** Whether the host forwards packets and the network's rules are in place. */
export function firewallReady(paths: Paths, network: FirewallNetwork): boolean {
  if (forwardingFiles(network).some((file) => !isOn(file))) return false;
  return nftChainComment(instanceTable(paths), markedChain(network.bridge)) === mark(network);
}

/** Turns forwarding on and writes the network's rules, all of them at once, whatever they were before. */
export async function setUpFirewall(paths: Paths, network: FirewallNetwork): Promise<void> {
  for (const file of forwardingFiles(network)) if (!isOn(file)) writeNetworkSetting(file, "1");
  const table = instanceTable(paths);
  // Which elements there are to be removed is read before the transaction that removes them.
  using _lock = await lockFirewall(paths);
  const old = removal(table, network.bridge);
  try {
    // libnftables 1.0 finds no map of intervals that the same transaction makes.
    runNft(sharedRules(table));
    runNft(`${old}${networkRules(table, network)}`);
  } catch (cause) {
    const message = `cannot write the nftables rules of ${network.bridge}: ${reason(cause)}`;
    throw new TsrunError("ERR_TSRUN_NFTABLES", message, {
      hint: "tsrun needs root, libnftables (apt-get install libnftables1) and a kernel with nf_tables, nft_masq and nf_nat",
      cause,
    });
  }
}

/** Takes the network's rules away; the table goes with the last of them, unless an administrator's are in it. */
export async function removeFirewall(paths: Paths, bridge: string): Promise<void> {
  const table = instanceTable(paths);
  using _lock = await lockFirewall(paths);
  const old = removal(table, bridge);
  if (old === "") return;
  runNft(old);
  const left = runNft(`list table inet ${table}`);
  if (!/ : jump /.test(left) && /chain admin \{\s*\}/.test(left)) runNft(`delete table inet ${table}`);
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

function removal(table: string, bridge: string): string {
  if (nftChainComment(table, markedChain(bridge)) === undefined) return "";
  return removalRules(table, bridge, runNft(`list table inet ${table}`));
}

const lockFirewall = (paths: Paths) => lock(join(locksDir(paths), "firewall"));

/** An internal network's packets need no forwarding. */
function forwardingFiles({ subnets, internal }: FirewallNetwork): string[] {
  if (internal) return [];
  const families = new Set(subnets.map((subnet) => (subnet.includes(":") ? 6 : 4)));
  return [...families].map((family) => FORWARDING[family]);
}

const isOn = (file: string): boolean => readNetworkSetting(file).startsWith("1");

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
