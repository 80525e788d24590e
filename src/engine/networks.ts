/** Networks as things: made, listed, looked at, removed. */
import { openRoute } from "../network/bridge.ts";
import { createNetwork as createInKernel } from "../network/create-network.ts";
import { listEndpoints } from "../network/endpoints.ts";
import type { NetworkRequest } from "../network/network-request.ts";
import { isPredefined } from "../network/predefined.ts";
import { listNetworks as listRecords, resolveNetwork } from "../network/records.ts";
import { removeNetwork as removeFromKernel } from "../network/remove-network.ts";
import { repairNetwork } from "../network/repair.ts";
import type { NetworkRecord } from "../network/types.ts";
import type { NetworkDetails, NetworkSummary, PruneNetworksOptions } from "./api.ts";
import type { EngineContext } from "./context.ts";
import { type NetworkAction, recordEvent, timeNow } from "./events.ts";
import { listContainers } from "./list.ts";
import { generateId } from "./names.ts";
import { endpointsOf } from "./network-mode.ts";
import { isOwned } from "./ownership.ts";
import { restorePorts } from "./port-publishing.ts";

/** Returns the network's id. */
export async function createNetwork(
  context: EngineContext,
  request: NetworkRequest,
): Promise<{ id: string; warnings: readonly string[] }> {
  const identity = { id: generateId(), createdAt: timeNow() };
  const { network, warnings } = await createInKernel(context, request, identity);
  recordNetworkEvent(context, network, "create");
  return { id: network.id, warnings };
}

/** By name. Bridges, rules and ports that containers use and that have been lost are put back first. */
export async function listNetworks(context: EngineContext): Promise<NetworkSummary[]> {
  const networks = listRecords(context.paths).map((network) => ({
    ...network,
    containers: present(context, network).map(({ containerId }) => containerId),
  }));
  for (const network of networks.filter(({ containers }) => containers.length > 0))
    await repair(context, network);
  await restorePorts(context);
  return networks;
}

/** Throws ERR_TSRUN_NETWORK_NOT_FOUND. */
export async function inspectNetwork(context: EngineContext, reference: string): Promise<NetworkDetails> {
  const network = resolveNetwork(context.paths, reference);
  if (network.driver === "bridge" || network.driver === "macvlan")
    return { network, containers: present(context, network) };
  // Nothing is made for those that are on none, or on the host's own: their records say it.
  const on = (await listContainers(context)).filter(
    ({ record, state }) =>
      state.status === "running" && endpointsOf(record).some(({ networkId }) => networkId === network.id),
  );
  const containers = on.map(({ record: { id: containerId, name } }) => ({
    containerId,
    name,
    endpointId: "",
    macAddress: "",
    address: "",
  }));
  return { network, containers };
}

/** Throws ERR_TSRUN_NETWORK_IN_USE, ERR_TSRUN_NETWORK_PREDEFINED, ERR_TSRUN_NETWORK_NOT_FOUND. Returns its name. */
export async function removeNetwork(context: EngineContext, reference: string): Promise<void> {
  const network = resolveNetwork(context.paths, reference);
  await remove(context, network);
}

/** Removes all that users have made and nobody is on; returns their names. */
export async function pruneNetworks(
  context: EngineContext,
  { matches = () => true }: PruneNetworksOptions,
): Promise<string[]> {
  const removed: string[] = [];
  for (const network of listRecords(context.paths)) {
    if (isPredefined(network) || !matches({ ...network, containers: [] })) continue;
    if (present(context, network).length > 0) continue;
    if (await remove(context, network)) removed.push(network.name);
  }
  recordEvent(context, { type: "network", action: "prune", id: "", attributes: { reclaimed: "0" } });
  return removed;
}

async function remove(context: EngineContext, network: NetworkRecord): Promise<boolean> {
  const removed = await removeFromKernel(context, network, (id) => isOwned(context.paths, id));
  if (removed) recordNetworkEvent(context, network, "destroy");
  return removed;
}

/** The connections of containers that run. */
function present({ paths }: EngineContext, { id }: NetworkRecord) {
  return listEndpoints(paths, id).filter(({ containerId }) => isOwned(paths, containerId));
}

async function repair(context: EngineContext, network: NetworkRecord): Promise<void> {
  using route = openRoute();
  await repairNetwork(context, route, { network, endpoints: present(context, network) });
}

function recordNetworkEvent(
  context: EngineContext,
  { id, name, driver }: NetworkRecord,
  action: NetworkAction,
): void {
  recordEvent(context, { type: "network", action, id, attributes: { name, type: driver } });
}
