/** A container's interface: its addresses, and where it leads out its routes. */
import type { NetlinkSocket } from "../kernel/netlink.ts";
import { addAddress, addRoute, defaultRoute } from "../kernel/netlink-address.ts";
import { decodeLink, disableLinkLocal, getLink, LOOPBACK_INDEX, setLink } from "../kernel/netlink-link.ts";
import { addressPart } from "./ip.ts";
import { broadcastOf, formatIpv4, parseSubnet } from "./ipv4.ts";
import type { Endpoint, EndpointOptions } from "./types.ts";

/**
 * Loopback up, the interface up with its addresses, and everything else through the gateway where this connection leads
 * out of the container (`isFirst`, for IPv4 and IPv6). `route` is a socket of the container's namespace.
 */
export function configureInterface(
  route: NetlinkSocket,
  endpoint: Endpoint,
  { isFirst, options }: { isFirst: readonly boolean[]; options: EndpointOptions },
): void {
  const { interface: name, address, address6, gateway, gateway6 } = endpoint;
  const replies = route.request(
    setLink(LOOPBACK_INDEX, { up: true }),
    // A link-local address is of use to a network with IPv6 alone.
    ...(address6 === undefined ? [disableLinkLocal(name)] : []),
    setLink(name, { up: true }),
    getLink(name),
  );
  const [link] = replies.flat().map(decodeLink);
  if (link === undefined) throw new Error(`the kernel did not describe ${name}`);
  const cidrs = [address, address6 ?? "", ...(options.linkLocalAddresses ?? []).map(withPrefix)];
  route.request(
    ...cidrs.filter(Boolean).map((cidr) => addAddress({ linkIndex: link.index, ...parts(cidr) })),
    ...(isFirst[0] && gateway ? [addRoute(defaultRoute(gateway, link.index))] : []),
    ...(isFirst[1] && gateway6 ? [addRoute(defaultRoute(gateway6, link.index))] : []),
  );
}

function parts(cidr: string): { address: string; prefixLength: number; broadcast: string | undefined } {
  const subnet = parseSubnet(cidr);
  return {
    address: addressPart(cidr),
    prefixLength: Number(cidr.split("/")[1]),
    broadcast: subnet && formatIpv4(broadcastOf(subnet)),
  };
}

/** Link-local networks have one length each (RFC 3927, RFC 4291). */
const withPrefix = (address: string): string => `${address}/${address.includes(":") ? 64 : 16}`;
