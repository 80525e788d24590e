/**
 * Connects a container to the bridge network: an address, a veth pair with one end as a port of the bridge and the
 * other as eth0 in the container's network namespace, and there an up loopback, the address and a default route.
 *
 * Four sends to the kernel carry it all. The pair goes with the namespace, so all that release() has to give back
 * is the address.
 */
import { type NetlinkSocket, repliesOf } from "../kernel/netlink.ts";
import { addAddress, addDefaultRoute } from "../kernel/netlink-address.ts";
import {
  createVeth,
  decodeLink,
  deleteLink,
  disableLinkLocal,
  getLink,
  LOOPBACK_INDEX,
  setBridgePort,
  setLink,
} from "../kernel/netlink-link.ts";
import { type Bridge, ensureBridge, openRoute } from "./bridge.ts";
import { networkError } from "./failure.ts";
import { broadcastOf, formatIpv4, macOf } from "./ipv4.ts";
import { leasePath, releaseLeases, takeLease } from "./leases.ts";
import type { Attachment, AttachRequest, NetworkContext, NetworkState } from "./types.ts";

const NETWORK = "bridge";
const CONTAINER_INTERFACE = "eth0";
const NAME_ATTEMPTS = 5;

/** On failure nothing is left: no lease, no link. */
export async function attachToBridge(context: NetworkContext, request: AttachRequest): Promise<Attachment> {
  const { containerId, netns, isAlive } = request;
  using route = openRoute();
  const bridge = await ensureBridge(context, route);
  const { subnet } = bridge;
  const address = await takeLease(context.paths, { network: NETWORK, subnet, containerId, isAlive });
  let hostInterface: string | undefined;
  try {
    hostInterface = plugIn(route, bridge, { containerId, netns: netns.fd, address });
    configure(netns.route, bridge, address);
  } catch (error) {
    if (hostInterface !== undefined) route.attempt(deleteLink(hostInterface));
    await releaseLeases(context.paths, NETWORK, containerId);
    throw networkError("connecting the container to the bridge network", error);
  }
  const state: NetworkState = {
    name: NETWORK,
    address: `${formatIpv4(address)}/${subnet.prefixLength}`,
    gateway: formatIpv4(bridge.gateway),
    macAddress: macOf(address),
    hostInterface,
  };
  return { state, leasePath: leasePath(context.paths, NETWORK, address), warnings: bridge.warnings };
}

/** Gives the container's address back; its links went with its network namespace. No error if it has none. */
export async function release(context: Pick<NetworkContext, "paths">, containerId: string): Promise<void> {
  await releaseLeases(context.paths, NETWORK, containerId);
}

interface Plug {
  containerId: string;
  /** Descriptor of the container's network namespace. */
  netns: number;
  address: number;
}

/** Makes the veth pair and returns the name of the host's end: "veth" and seven hexadecimal digits. */
function plugIn(route: NetlinkSocket, bridge: Bridge, { containerId, netns, address }: Plug): string {
  const peer = { name: CONTAINER_INTERFACE, netns, macAddress: macOf(address) };
  for (let attempt = 1; ; attempt++) {
    // The kernel frees a namespace and its links some time after their last process: a restart may meet the old name.
    const digits = attempt === 1 ? containerId.slice(0, 7) : randomDigits(7);
    const name = `veth${digits}`;
    const [created, ...configured] = route.attempt(
      createVeth({ name, master: bridge.index, peer }),
      disableLinkLocal(name),
      setLink(name, { up: true }),
      getLink(name),
    );
    if (created?.error?.code === "EEXIST" && attempt < NAME_ATTEMPTS) continue;
    if (created?.error) throw created.error;
    try {
      const [link] = configured.flatMap(repliesOf).map(decodeLink);
      if (link === undefined) throw new Error(`the kernel did not describe ${name}`);
      // The address may have been another container's a moment ago, whose port the bridge would go on sending to
      // until the kernel has freed it.
      route.request(setBridgePort(link.index, peer.macAddress));
      return name;
    } catch (error) {
      route.attempt(deleteLink(name));
      throw error;
    }
  }
}

/** The container's side: loopback up, eth0 up with its address, everything else through the bridge. */
function configure(route: NetlinkSocket, bridge: Bridge, address: number): void {
  const replies = route.request(
    setLink(LOOPBACK_INDEX, { up: true }),
    disableLinkLocal(CONTAINER_INTERFACE),
    setLink(CONTAINER_INTERFACE, { up: true }),
    getLink(CONTAINER_INTERFACE),
  );
  const [eth0] = replies.flat().map(decodeLink);
  if (eth0 === undefined) throw new Error(`the kernel did not describe ${CONTAINER_INTERFACE}`);
  route.request(
    addAddress({
      linkIndex: eth0.index,
      address: formatIpv4(address),
      prefixLength: bridge.subnet.prefixLength,
      broadcast: formatIpv4(broadcastOf(bridge.subnet)),
    }),
    addDefaultRoute(formatIpv4(bridge.gateway), eth0.index),
  );
}

const randomDigits = (count: number): string =>
  Math.floor(Math.random() * 16 ** count)
    .toString(16)
    .padStart(count, "0");
