/** The addresses of one connection: those that were asked for, or the first free ones of the network's subnets. */
import { TsrunError } from "../errors.ts";
import type { Paths } from "../store/paths.ts";
import { formatIp, parseIp } from "./ip.ts";
import { macOf, parseIpv4 } from "./ipv4.ts";
import { type Lessee, leasePath, takeAddress, takeLease } from "./leases.ts";
import { isUserDefined } from "./predefined.ts";
import { isUsable, rangeOf } from "./ranges.ts";
import type { EndpointOptions, NetworkRecord, NetworkSubnet } from "./types.ts";

export interface Addresses {
  /** CIDR; "" and undefined where the network has no subnet of that family. */
  address: string;
  address6: string | undefined;
  macAddress: string;
  /** The symbolic links that reserve them. */
  leases: string[];
}

/** Reserves them; what it has taken when it fails is the caller's to release. */
export async function takeAddresses(
  paths: Paths,
  lessee: Lessee,
  { subnets, options }: { subnets: readonly NetworkSubnet[]; options: EndpointOptions },
): Promise<Addresses> {
  const taken: { subnet: NetworkSubnet; address: string }[] = [];
  for (const subnet of subnets) {
    const asked = isIpv6(subnet) ? options.ipv6Address : options.ipv4Address;
    const address = asked
      ? await takeAddress(paths, lessee, canonical(asked))
      : await takeLease(paths, lessee, rangeOf(subnet));
    taken.push({ subnet, address });
  }
  const cidr = (wanted: boolean): string | undefined => {
    const found = taken.find(({ subnet }) => isIpv6(subnet) === wanted);
    return found && `${found.address}/${found.subnet.subnet.split("/")[1]}`;
  };
  return {
    address: cidr(false) ?? "",
    address6: cidr(true),
    macAddress: options.macAddress?.toLowerCase() ?? macFor(taken.map(({ address }) => address)),
    leases: taken.map(({ address }) => leasePath(paths, lessee.network, address)),
  };
}

/** Refuses, in docker's words, an address that the network does not have. */
export function validateAddresses(network: NetworkRecord, options: EndpointOptions): void {
  const asked = [options.ipv4Address, options.ipv6Address].flatMap((address) => address || []);
  for (const [address, family] of [
    [options.ipv4Address, 4],
    [options.ipv6Address, 6],
  ] as const) {
    if (address && parseIp(address)?.family !== family)
      throw refuse(`invalid IPv${family} address: ${address}`, `write an address such as ${SAMPLE[family]}`);
  }
  if (asked.length === 0) return;
  if (!isUserDefined(network)) {
    throw refuse(
      `invalid config for network ${network.name}: user specified IP address is supported on user-defined networks only`,
      "make one with `tsrun network create --subnet …`",
    );
  }
  for (const address of asked) {
    const subnet = network.subnets.find((each) => isIpv6(each) === address.includes(":"));
    if (subnet !== undefined && !subnet.asked) {
      throw refuse(
        `invalid config for network ${network.name}: user specified IP address is supported only when connecting to networks with user configured subnets`,
        `make the network with --subnet: this one's was chosen from the address pools (${subnet.subnet})`,
      );
    }
    if (subnet === undefined || !isUsable(subnet, canonical(address))) {
      const own = network.subnets.map((each) => each.subnet).join(", ");
      throw refuse(
        `Invalid address ${address}: It does not belong to any of this network's subnets`,
        `network ${network.name} has ${own}`,
      );
    }
  }
}

const SAMPLE = { 4: "172.30.100.104", 6: "2001:db8::33" } as const;

const isIpv6 = ({ subnet }: NetworkSubnet): boolean => subnet.includes(":");

/** One address has one text: that of its lease. */
function canonical(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(ip);
}

/** From the IPv4 address, or else the last four bytes of the other. */
function macFor(addresses: readonly string[]): string {
  const [first = ""] = addresses;
  return macOf(parseIpv4(first) ?? Number((parseIp(first)?.value ?? 0n) & 0xffffffffn));
}

function refuse(message: string, hint: string): TsrunError {
  return new TsrunError("ERR_TSRUN_NETWORK_ADDRESS_INVALID", message, { hint });
}
