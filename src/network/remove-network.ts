/** network rm: nothing of the network is left, on disk or in the kernel. */
import { rmSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { networkRunDir } from "../store/paths.ts";
import { openRoute, removeBridge } from "./bridge.ts";
import { removeParent } from "./cable.ts";
import { listEndpoints } from "./endpoints.ts";
import { networkError } from "./failure.ts";
import { forgetLocks, lockNetwork } from "./hold.ts";
import { isPredefined } from "./predefined.ts";
import { forgetNetwork, readNetwork } from "./records.ts";
import type { Endpoint, IsAlive, NetworkContext, NetworkRecord } from "./types.ts";

/**
 * Removes the network, unless containers are on it. Its record is the last to go: what a kill in between leaves is a
 * network that can be removed, or used, again. False where somebody else has removed it meanwhile.
 */
export async function removeNetwork(
  { paths }: Pick<NetworkContext, "paths">,
  network: NetworkRecord,
  isAlive: IsAlive,
): Promise<boolean> {
  if (isPredefined(network)) {
    throw new TsrunError(
      "ERR_TSRUN_NETWORK_PREDEFINED",
      `${network.name} is a pre-defined network and cannot be removed`,
      { hint: "bridge, host and none are always there" },
    );
  }
  using _lock = await lockNetwork(paths, network);
  if (readNetwork(paths, network.id) === undefined) {
    forgetLocks(paths, network);
    return false;
  }
  const present = listEndpoints(paths, network.id).filter(({ containerId }) => isAlive(containerId));
  if (present.length > 0) throw inUse(network, present);
  try {
    using route = openRoute();
    if (network.driver === "bridge") await removeBridge(paths, route, network);
    else removeParent(route, network);
  } catch (error) {
    throw networkError(`removing network ${network.name}`, error);
  }
  rmSync(networkRunDir(paths, network.id), { recursive: true, force: true });
  forgetNetwork(paths, network.id);
  forgetLocks(paths, network);
  return true;
}

function inUse({ name, id }: NetworkRecord, endpoints: readonly Endpoint[]): TsrunError {
  const names = endpoints.map((endpoint) => endpoint.name).sort();
  return new TsrunError(
    "ERR_TSRUN_NETWORK_IN_USE",
    `error while removing network: network ${name} id ${id} has active endpoints`,
    {
      hint: `containers on it: ${names.join(", ")}; stop them, or \`tsrun network disconnect ${name} ${names[0]}\``,
    },
  );
}
