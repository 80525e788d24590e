/** The nftables chains that the packets of a network go through, found by following the kernel's hooks and jumps. */

import { type NftChain, type NftTable, parseNftTable } from "../../kernel/nft-listing.ts";
import { nftChainComment, runNft } from "../../kernel/nftables.ts";
import type { Paths } from "../../store/paths.ts";
import { markedChain } from "../firewall-rules.ts";
import { instanceTable } from "../instance.ts";
import { PORTS_CHAIN, portsTable } from "../ports/rules.ts";
import type { GraphChain, GraphPort } from "./types.ts";

export interface NamedTable extends NftTable {
  readonly name: string;
}

/** The tables that are there, of the networks' rules and of the ports'. */
export function readTables(paths: Paths, bridge: string): NamedTable[] {
  const marks = [
    [portsTable(paths), PORTS_CHAIN],
    [instanceTable(paths), markedChain(bridge)],
  ] as const;
  return marks
    .filter(([table, chain]) => nftChainComment(table, chain) !== undefined)
    .map(([name]) => ({ name, ...parseNftTable(runNft(`list table inet ${name}`)) }));
}

/** Each chain that the kernel calls, followed by those that it calls for packets of the bridge. */
export function chainsOf(tables: readonly NamedTable[], bridge: string): GraphChain[] {
  return tables
    .filter((table) => concerns(table, bridge))
    .flatMap((table) =>
      table.chains.flatMap((chain) => (chain.hook ? [{ table, chain, hook: chain.hook }] : [])),
    )
    .sort((a, b) => order(a.hook) - order(b.hook))
    .flatMap(({ table, chain, hook }) => [
      { table: table.name, name: chain.name, hook, from: undefined, by: [], rules: chain.rules },
      ...called(table, { caller: chain, hook, bridge }),
    ]);
}

/** What leads to one of the addresses. */
export function portsTo(tables: readonly NamedTable[], addresses: readonly string[]): GraphPort[] {
  return tables.flatMap((table) =>
    table.maps.flatMap((map) => {
      if (!map.name.startsWith("published")) return [];
      const everywhere = map.name.startsWith("published6") ? "::" : "0.0.0.0";
      return map.elements.flatMap(({ key, value = "" }) => {
        const [address = "", port] = value.split(" . ");
        if (!addresses.includes(address)) return [];
        const [protocol, ...from] = key.split(" . ");
        return {
          protocol: protocol as GraphPort["protocol"],
          hostAddress: from.length > 1 ? (from[0] as string) : everywhere,
          hostPort: Number(from.at(-1)),
          address,
          port: Number(port),
          table: table.name,
          map: map.name,
          element: `${key} : ${value}`,
        };
      });
    }),
  );
}

/** The ports' table names the bridges that ports lead to; that of the networks was only read for this one. */
function concerns({ maps }: NamedTable, bridge: string): boolean {
  const bridges = maps.find(({ name }) => name === "bridges");
  return bridges === undefined || bridges.elements.some(({ key }) => key === `"${bridge}"`);
}

interface Call {
  caller: NftChain;
  hook: string;
  bridge: string;
}

/** nftables refuses loops of jumps, so that this ends. */
function called(table: NamedTable, { caller, hook, bridge }: Call): GraphChain[] {
  return targetsOf(table, caller, bridge).flatMap(({ name, by }) => {
    const chain = table.chains.find((each) => each.name === name);
    if (chain === undefined) return [];
    return [
      { table: table.name, name, hook, from: caller.name, by, rules: chain.rules },
      ...called(table, { caller: chain, hook, bridge }),
    ];
  });
}

/** The chains that a chain's rules jump to, by name or through a verdict map that has one for each bridge. */
function targetsOf(
  { maps }: NftTable,
  { rules }: NftChain,
  bridge: string,
): { name: string; by: string[] }[] {
  const targets = new Map<string, string[]>();
  for (const rule of rules) {
    for (const [, name = ""] of rule.matchAll(/\b(?:jump|goto) (\S+)/g)) targets.set(name, []);
    const map = /\bvmap @(\S+)/.exec(rule)?.[1];
    for (const { key, value } of maps.find(({ name }) => name === map)?.elements ?? []) {
      const name = value?.replace(/^jump /, "") ?? "";
      if (!name.endsWith(`-${bridge}`)) continue;
      targets.set(name, [...(targets.get(name) ?? []), `${map} { ${key} : ${value} }`]);
    }
  }
  return [...targets].map(([name, by]) => ({ name, by }));
}

const HOOKS = ["prerouting", "output", "forward", "postrouting"];
/** As nft(8) abbreviates them for families ip, ip6 and inet. */
const PRIORITIES: Readonly<Record<string, number>> = { raw: -300, dstnat: -100, filter: 0, srcnat: 100 };

/** The hooks in the order in which a packet meets them, and the chains of one hook by their priority. */
function order(line: string): number {
  const [, hook = "", priority = ""] = /hook (\S+) priority ([^;]+);/.exec(line) ?? [];
  return HOOKS.indexOf(hook) * 1000 + (PRIORITIES[priority] ?? (Number.parseInt(priority, 10) || 0));
}
