/** What a running container needs of its network, put back where others have taken it away. */
import type { NetlinkSocket } from "../kernel/netlink.ts";
import { setBridgePort, setLink } from "../kernel/netlink-link.ts";
import { ensureBridge, linkNamed } from "./bridge.ts";
import type { Endpoint, NetworkContext, NetworkRecord } from "./types.ts";

/** The bridge with its addresses and rules, and the containers' links as its ports; nothing where all is in place. */
export async function repairNetwork(
  context: NetworkContext,
  route: NetlinkSocket,
  { network, endpoints }: { network: NetworkRecord; endpoints: readonly Endpoint[] },
): Promise<void> {
  if (network.driver !== "bridge") return;
  const bridge = await ensureBridge(context, route, network);
  for (const { hostInterface, macAddress } of endpoints) {
    const link = linkNamed(route, hostInterface);
    if (link === undefined || link.master === bridge.index) continue;
    route.attempt(
      setLink(link.index, { master: bridge.index, up: true }),
      setBridgePort(link.index, macAddress),
    );
  }
}
