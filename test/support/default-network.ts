/**
 * The default network is meant to stay, but not in a test host that dozens of instances share: their bridges would use
 * up the address pools.
 */
import { runNft } from "../../src/kernel/nftables.ts";
import { openRoute, removeBridge } from "../../src/network/bridge.ts";
import { portsTable } from "../../src/network/ports/rules.ts";
import { BRIDGE } from "../../src/network/predefined.ts";
import type { Paths } from "../../src/store/paths.ts";

export async function removeDefaultNetwork(paths: Paths): Promise<void> {
  using route = openRoute();
  await removeBridge(paths, route, BRIDGE);
  const ports = portsTable(paths);
  if (runNft("list tables").includes(`table inet ${ports}\n`)) runNft(`delete table inet ${ports}`);
}
