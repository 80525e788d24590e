/**
 * Firewalls that users believe to guard the host. What a published port leads in is forwarded, and they filter what is
 * for the host itself: docker's users have found databases open to the internet behind them. So it is said.
 */
import { nftChainComment } from "../../kernel/nftables.ts";
import type { Paths } from "../../store/paths.ts";
import { instanceTable } from "../instance.ts";
import type { PublishedPort } from "./types.ts";

/** A chain that each has while it is on. */
const FIREWALLS = [
  { name: "firewalld", family: "inet", table: "firewalld", chain: "filter_INPUT" },
  { name: "ufw", family: "ip", table: "filter", chain: "ufw-user-input" },
] as const;

/** What was opened past them; none where every port is at a loopback address. */
export function bypassWarnings(paths: Paths, ports: readonly PublishedPort[]): string[] {
  const open = ports.filter(({ hostAddress }) => !/^(127\.|::1$)/.test(hostAddress));
  if (open.length === 0) return [];
  const list = open.map(({ hostPort, protocol }) => `${hostPort}/${protocol}`).join(", ");
  return FIREWALLS.filter(
    ({ table, chain, family }) => nftChainComment(table, chain, family) !== undefined,
  ).map(
    ({ name }) =>
      `${list} can be reached from outside, whatever the rules of ${name} say of the host's own ports: publish on ` +
      `127.0.0.1 to keep to this host, or write rules to the chain admin of the nftables table inet ${instanceTable(paths)}`,
  );
}
