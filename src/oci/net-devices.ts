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
import { decodeLink, getLink, type Link, listLinks, moveLink, setLink } from "../kernel/netlink-link.ts";
import { openNetworkNamespace } from "../kernel/netns.ts";
import type { OciConfig } from "../runtime/oci.ts";
import { invalidRequest } from "./errors.ts";

/** Moves them into the network namespace of the container's first process, with the addresses that they have. */
export function moveNetDevices({ linux: { netDevices = {} } }: OciConfig, pid: number): void {
  const devices = Object.entries(netDevices);
  if (devices.length === 0) return;
  using ours = openOwnNetlink(NETLINK_ROUTE);
  using theirs = openNetworkNamespace(openSync(`/proc/${pid}/ns/net`, "r"));
  for (const [name, { name: newName }] of devices) {
    const { index } = linkOf(ours, name);
    const addresses = lastingAddresses(ours, index);
    const wanted = newName || name;
    const there = linksOf(theirs.route);
    // The kernel would say so when the link is there already, under its old name.
    if (there.some((link) => link.name === wanted)) {
      throw invalidRequest(`linux.netDevices: ${name}: the container has a network device ${wanted} already`);
    }
    const before = new Set(there.map((link) => link.index));
    ours.request(setLink(index, { up: false }), moveLink(index, { netns: theirs.fd, name: wanted }));
    // The kernel takes the addresses away, and may give the link another index.
    const moved = linksOf(theirs.route).find((link) => !before.has(link.index) && isNamed(link, wanted));
    if (moved === undefined) throw new RangeError(`the link ${name} did not arrive in the container`);
    theirs.route.request(
      ...addresses.map((address) => addAddress({ ...address, linkIndex: moved.index })),
      setLink(moved.index, { up: true }),
    );
  }
}

const linksOf = (socket: NetlinkSocket): Link[] => socket.dump(listLinks()).map(decodeLink);

/** Of "eth%d" the kernel makes the first name that is free. */
function isNamed(link: Link, wanted: string): boolean {
  const [start = "", end] = wanted.split("%d");
  return end === undefined ? link.name === wanted : link.name.startsWith(start) && link.name.endsWith(end);
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
