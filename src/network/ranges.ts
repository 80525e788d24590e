/** The addresses that a subnet has for containers, in the order in which they are given away. */
import { cidrOf, contains, formatIp, lastOf, parseCidr, parseIp } from "./ip.ts";
import { broadcastOf, formatIpv4, parseSubnet, type Subnet } from "./ipv4.ts";
import type { LeaseRange } from "./leases.ts";
import type { NetworkSubnet } from "./types.ts";

/** All but the network's own address, the broadcast address, the gateway's and what is reserved. */
export function rangeOf(subnet: NetworkSubnet): LeaseRange {
  const excluded = new Set([subnet.gateway, ...Object.values(subnet.reserved ?? {})]);
  const part = subnet.ipRange ?? subnet.subnet;
  return {
    name: part,
    *addresses() {
      for (const address of subnet.subnet.includes(":") ? ipv6(subnet, part) : ipv4(subnet, part))
        if (!excluded.has(address)) yield address;
    },
  };
}

function* ipv4({ subnet }: NetworkSubnet, part: string): Generator<string> {
  const whole = parseSubnet(subnet) as Subnet;
  const range = parseSubnet(part) as Subnet;
  const last = Math.min(broadcastOf(range), broadcastOf(whole) - 1);
  for (let address = Math.max(range.base, whole.base + 1); address <= last; address++)
    yield formatIpv4(address);
}

/** There is no broadcast address (RFC 4291, section 2.6.1: the first one is every router's). */
function* ipv6({ subnet }: NetworkSubnet, part: string): Generator<string> {
  const whole = parseCidr(subnet);
  const range = parseCidr(part);
  if (whole === undefined || range === undefined) return;
  const first = range.base === whole.base ? range.base + 1n : range.base;
  for (let value = first; value <= lastOf(range); value++) yield formatIp({ family: 6, value });
}

/** Whether a container may have the address: one of the subnet, and nobody else's by the network's own account. */
export function isUsable(subnet: NetworkSubnet, address: string): boolean {
  const whole = parseCidr(subnet.subnet);
  const ip = parseIp(address);
  if (whole === undefined || ip === undefined || !contains(whole, ip)) return false;
  const isNetwork = cidrOf(ip, whole.prefixLength).base === ip.value;
  const isBroadcast = ip.family === 4 && lastOf(whole) === ip.value;
  return !isNetwork && !isBroadcast && address !== subnet.gateway;
}
