/** The link of a container's interface: one end of a veth pair whose other end is a port of the bridge, or a macvlan. */
import { type NetlinkSocket, repliesOf } from "../kernel/netlink.ts";
import {
  createDummy,
  createMacvlan,
  createVeth,
  decodeLink,
  deleteLink,
  disableLinkLocal,
  getLink,
  isolatePort,
  setBridgePort,
  setLink,
} from "../kernel/netlink-link.ts";
import type { Paths } from "../store/paths.ts";
import { type Bridge, linkNamed } from "./bridge.ts";
import { instanceMac } from "./instance.ts";
import { allowsInterContainer, dummyNameOf, mtuOf, parentOf } from "./network-options.ts";
import type { NetworkRecord } from "./types.ts";

const NAME_ATTEMPTS = 5;

export interface Plug {
  containerId: string;
  /** The interface's name in the container, "eth0". */
  name: string;
  /** Descriptor of the container's network namespace. */
  netns: number;
  macAddress: string;
}

/** Makes a veth pair between container and bridge; returns the host's end: "veth" and seven hexadecimal digits. */
export function plugIntoBridge(
  route: NetlinkSocket,
  { network, bridge }: { network: NetworkRecord; bridge: Bridge },
  { containerId, name: inside, netns, macAddress }: Plug,
): string {
  const peer = { name: inside, netns, macAddress };
  const mtu = mtuOf(network);
  for (let attempt = 1; ; attempt++) {
    // The name is taken where this is not the container's first network; and the kernel frees a namespace and its
    // links some time after their last process, so a restart may meet the old one, or just miss it.
    const digits = attempt === 1 ? containerId.slice(0, 7) : randomDigits(7);
    const name = `veth${digits}`;
    const [created, ...configured] = route.attempt(
      createVeth({ name, master: bridge.index, peer, ...(mtu !== undefined && { mtu }) }),
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
      route.request(
        setBridgePort(link.index, macAddress),
        ...(allowsInterContainer(network) ? [] : [isolatePort(link.index)]),
      );
      return name;
    } catch (error) {
      route.attempt(deleteLink(name));
      throw error;
    }
  }
}

/** Makes a macvlan link in the container on the network's parent; returns the parent's name. */
export function plugIntoParent(
  route: NetlinkSocket,
  { network, parent }: { network: NetworkRecord; parent: string },
  { name, netns, macAddress }: Plug,
): string {
  const link = linkNamed(route, parent);
  if (link === undefined) throw new Error(`the parent ${parent} of network ${network.name} is not there`);
  if (!link.up) route.request(setLink(link.index, { up: true }));
  route.request(createMacvlan({ name, netns, macAddress, parent: link.index }));
  return parent;
}

/** The host's link of a macvlan network; one without a parent gets a dummy, which is made where it is missing. */
export function ensureParent(paths: Paths, route: NetlinkSocket, network: NetworkRecord): string {
  const asked = parentOf(network);
  if (asked !== undefined) return asked;
  const name = dummyNameOf(network);
  const [created] = route.attempt(createDummy(name, instanceMac(paths)), setLink(name, { up: true }));
  if (created?.error && created.error.code !== "EEXIST") throw created.error;
  return name;
}

export function removeParent(route: NetlinkSocket, network: NetworkRecord): void {
  if (parentOf(network) === undefined) route.attempt(deleteLink(dummyNameOf(network)));
}

const randomDigits = (count: number): string =>
  Math.floor(Math.random() * 16 ** count)
    .toString(16)
    .padStart(count, "0");
