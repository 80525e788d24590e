/** Which subnets are free: those that neither the host's own routes nor another network claim. */
import { join } from "node:path";
import { NETLINK_ROUTE, type NetlinkSocket, openOwnNetlink } from "../kernel/netlink.ts";
import {
  AF_INET,
  AF_INET6,
  decodeAddress,
  decodeRoute,
  listAddresses,
  listRoutes,
} from "../kernel/netlink-address.ts";
import { randomBytes } from "../kernel/random.ts";
import { isRootless } from "../kernel/rootless.ts";
import { type Lock, lock } from "../store/locks.ts";
import { locksDir, type Paths } from "../store/paths.ts";
import { type Cidr, cidrOf, firstHost, formatCidr, overlaps, parseCidr, parseIp } from "./ip.ts";
import { formatIpv4, formatSubnet, gatewayOf, parseSubnet, type Subnet } from "./ipv4.ts";
import { chooseSubnet } from "./pools.ts";
import { BRIDGE } from "./predefined.ts";
import { listNetworks, readNetwork, writeNetwork } from "./records.ts";
import type { NetworkContext, NetworkSubnet } from "./types.ts";

/** Routes this wide are default routes, or the two halves that VPNs cover it with; they claim no address. */
const WIDEST_CLAIM = 2;

/** Whoever chooses a subnet or a network's name holds this until the record that says so is written. */
export const lockNetworks = (paths: Paths): Promise<Lock> => lock(join(locksDir(paths), "networks"));

/** The default network's subnet of the last time if nothing claims it by now, else the first free one of the pools. */
export async function rememberSubnet(context: NetworkContext, route: NetlinkSocket): Promise<NetworkSubnet> {
  const { paths } = context;
  using _lock = await lockNetworks(paths);
  const record = readNetwork(paths, BRIDGE.id) ?? BRIDGE;
  const claimed = [...hostClaims(route), ...networkClaims(paths, BRIDGE.id)];
  const [last] = record.subnets;
  const cidr = last && parseCidr(last.subnet);
  if (last && cidr && !claimed.some((other) => overlaps(cidr, other))) return last;
  const subnet = freeSubnet(context, claimed);
  writeNetwork(paths, { ...record, subnets: [subnet] });
  return subnet;
}

/** A subnet of the pools; the caller holds lockNetworks(). */
export function freeSubnet({ config }: NetworkContext, claimed: readonly Cidr[]): NetworkSubnet {
  const used = claimed.flatMap((cidr): Subnet[] =>
    cidr.family === 4 ? [parseSubnet(formatCidr(cidr)) as Subnet] : [],
  );
  const subnet = chooseSubnet(config["default-address-pools"], used);
  return { subnet: formatSubnet(subnet), gateway: formatIpv4(gatewayOf(subnet)), asked: false };
}

/** A random one of the 2^56 that a host may take without asking (RFC 4193, section 3.2). */
export function freeSubnet6(claimed: readonly Cidr[]): NetworkSubnet {
  for (;;) {
    const bytes = Buffer.concat([Buffer.from([0xfd]), randomBytes(7), Buffer.alloc(8)]);
    const cidr: Cidr = { family: 6, base: BigInt(`0x${bytes.toString("hex")}`), prefixLength: 64 };
    if (!claimed.some((other) => overlaps(cidr, other)))
      return { subnet: formatCidr(cidr), gateway: firstHost(cidr), asked: false };
  }
}

/** What the networks have, but for one. */
export function networkClaims(paths: Paths, except?: string): Cidr[] {
  return listNetworks(paths)
    .filter(({ id }) => id !== except)
    .flatMap(({ subnets }) => subnets.flatMap(({ subnet }) => parseCidr(subnet) ?? []));
}

/** What the host's addresses and routes cover; of an ordinary user's containers, also what lies behind their way out. */
export function hostClaims(route: NetlinkSocket): Cidr[] {
  if (!isRootless()) return claimsOf(route);
  using outside = openOwnNetlink(NETLINK_ROUTE);
  return [...claimsOf(route), ...claimsOf(outside)];
}

function claimsOf(route: NetlinkSocket): Cidr[] {
  return ([AF_INET, AF_INET6] as const).flatMap((family) => {
    const addresses = route.dump(listAddresses(0, family)).map(decodeAddress);
    const routes = route.dump(listRoutes(family)).map(decodeRoute);
    const prefixes = [
      ...addresses,
      ...routes.map(({ destination, prefixLength }) => ({ address: destination, prefixLength })),
    ];
    return prefixes
      .filter(({ prefixLength }) => prefixLength >= WIDEST_CLAIM)
      .flatMap(({ address, prefixLength }) => {
        const ip = parseIp(address);
        return ip === undefined ? [] : [cidrOf(ip, prefixLength)];
      });
  });
}
