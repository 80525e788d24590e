/** Who is on a network, for the kernel to be asked of the way between them. */
import { readNetworkGraph } from "../network/graph/read.ts";
import type { NetworkGraph } from "../network/graph/types.ts";
import type { EngineContext } from "./context.ts";
import { inspectNetwork } from "./networks.ts";
import { readState } from "./state.ts";

/** Throws ERR_TSRUN_NETWORK_NOT_FOUND. */
export async function networkGraph(context: EngineContext, reference: string): Promise<NetworkGraph> {
  const { network, containers } = await inspectNetwork(context, reference);
  const members = containers.map(({ containerId, name }) => {
    const { pid } = readState(context.paths, containerId);
    return { id: containerId, name, pid };
  });
  return readNetworkGraph(
    context.paths,
    network,
    members.filter(({ pid }) => pid > 0),
  );
}
