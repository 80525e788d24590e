/** Links with their addresses, and routes, of one network namespace. */
import type { NetlinkSocket } from "../../kernel/netlink.ts";
import {
  AF_INET,
  AF_INET6,
  decodeAddress,
  decodeRoute,
  isForwarding,
  listAddresses,
  listRoutes,
} from "../../kernel/netlink-address.ts";
import { decodeLink, type Link, listLinks } from "../../kernel/netlink-link.ts";
import type { GraphLink, GraphRoute } from "./types.ts";

export interface NamespaceView {
  /** By index. */
  readonly links: ReadonlyMap<number, Link>;
  /** A link as the graph has it. */
  graph(link: Link): GraphLink;
  /** IPv4's before IPv6's. */
  readonly routes: readonly GraphRoute[];
}

/** Five questions to the kernel, however many links there are. */
export function viewNamespace(route: NetlinkSocket): NamespaceView {
  const links = new Map(
    route
      .dump(listLinks())
      .map(decodeLink)
      .map((link) => [link.index, link]),
  );
  const families = [AF_INET, AF_INET6] as const;
  const addresses = families.flatMap((family) => route.dump(listAddresses(0, family)).map(decodeAddress));
  const routes = families.flatMap((family) =>
    route.dump(listRoutes(family)).filter(isForwarding).map(decodeRoute),
  );
  return {
    links,
    graph({ index, name, kind, up, macAddress, mtu }) {
      const own = addresses.filter(({ linkIndex }) => linkIndex === index);
      const cidrs = own.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
      return { index, name, kind, up, macAddress, mtu, addresses: cidrs };
    },
    routes: routes.map(({ destination, prefixLength, gateway, linkIndex }) => ({
      destination: prefixLength === 0 ? "default" : `${destination}/${prefixLength}`,
      gateway,
      device: links.get(linkIndex ?? 0)?.name,
    })),
  };
}
