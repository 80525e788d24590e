/** Which of a container's networks leads out of it, for each family: docker's rule. */
import type { NetlinkSocket } from "../kernel/netlink.ts";
import {
  type AddressFamily,
  AF_INET,
  AF_INET6,
  addRoute,
  decodeRoute,
  defaultRoute,
  deleteRoute,
  listRoutes,
} from "../kernel/netlink-address.ts";
import { indexOf } from "./bridge.ts";
import type { Endpoint, EndpointOptions } from "./types.ts";

/** A connection that might lead out; undefined gateways do not. */
export interface Way {
  network: string;
  gateway: string | undefined;
  gateway6: string | undefined;
  priority: number;
}

export const wayOf = (
  { network, gateway, gateway6 }: Pick<Endpoint, "network" | "gateway" | "gateway6">,
  { gatewayPriority = 0 }: EndpointOptions,
): Way => ({ network, gateway: gateway || undefined, gateway6, priority: gatewayPriority });

/** The highest priority, and among equals the first name by its letters. */
export function chooseWay<W extends Way>(ways: readonly W[], family: AddressFamily): W | undefined {
  return ways
    .filter(({ gateway, gateway6 }) => (family === AF_INET ? gateway : gateway6) !== undefined)
    .sort((a, b) => b.priority - a.priority || (a.network < b.network ? -1 : 1))[0];
}

/** Makes the default routes of a network namespace those that its connections ask for. */
export function setDefaultRoutes(route: NetlinkSocket, ways: readonly (Way & { interface: string })[]): void {
  for (const family of [AF_INET, AF_INET6] as const) {
    const way = chooseWay(ways, family);
    const gateway = family === AF_INET ? way?.gateway : way?.gateway6;
    const wanted = way && gateway ? defaultRoute(gateway, indexOf(route, way.interface)) : undefined;
    const old = route
      .dump(listRoutes(family))
      .map(decodeRoute)
      .filter((each) => each.prefixLength === 0 && each.gateway !== undefined);
    const isWanted = (each: (typeof old)[number]): boolean =>
      each.gateway === wanted?.gateway && each.linkIndex === wanted?.linkIndex;
    for (const each of old) if (!isWanted(each)) route.attempt(deleteRoute(each));
    if (wanted && !old.some(isWanted)) route.request(addRoute(wanted));
  }
}
