/** Network devices of the host that a container gets (config-linux.md, "Network Devices"): moved, not shared. */
import { openSync } from "node:fs";
import { NETLINK_ROUTE, type NetlinkSocket, openOwnNetlink } from "../kernel/netlink.ts";
import {
  AF_INET,
  AF_INET6,
  addAddress,
  decodeAddress,
  type InterfaceAddress,
  isLasting,
  listAddresses,
} from "../kernel/netlink-address.ts";
import { decodeLink, getLink, moveLink, setLink } from "../kernel/netlink-link.ts";
import { openNetworkNamespace } from "../kernel/netns.ts";
import type { OciConfig } from "../runtime/oci.ts";

/** Moves them into the network namespace of the container's first process, with the addresses that they have. */
export function moveNetDevices({ linux: { netDevices = {} } }: OciConfig, pid: number): void {
  const devices = Object.entries(netDevices);
  if (devices.length === 0) return;
  using ours = openOwnNetlink(NETLINK_ROUTE);
  using theirs = openNetworkNamespace(openSync(`/proc/${pid}/ns/net`, "r"));
  for (const [name, { name: newName }] of devices) {
    const { index } = linkOf(ours, name);
    const addresses = lastingAddresses(ours, index);
    ours.request(setLink(index, { up: false }), moveLink(index, { netns: theirs.fd, name: newName || name }));
    // The kernel takes the addresses away, and may give the link another index.
    const moved = linkOf(theirs.route, newName || name).index;
    theirs.route.request(
      ...addresses.map((address) => addAddress({ ...address, linkIndex: moved })),
      setLink(moved, { up: true }),
    );
  }
}

function linkOf(socket: NetlinkSocket, name: string): { index: number } {
  const [reply] = socket.request(getLink(name)).flat();
  if (reply === undefined) throw new RangeError(`the kernel said nothing of the link ${name}`);
  return decodeLink(reply);
}

const lastingAddresses = (socket: NetlinkSocket, link: number): InterfaceAddress[] =>
  [AF_INET, AF_INET6].flatMap((family) =>
    socket
      .dump(listAddresses(link, family as typeof AF_INET | typeof AF_INET6))
      .filter(isLasting)
      .map(decodeAddress)
      .filter(({ linkIndex }) => linkIndex === link),
  );
