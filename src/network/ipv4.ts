/** IPv4 addresses as numbers 0 … 2^32-1, and the networks they are in. */

export interface Subnet {
  /** The network's own address, its host bits zero. */
  readonly base: number;
  readonly prefixLength: number;
}

/** The number of "172.17.0.2"; undefined where the text is not four decimal bytes. */
export function parseIpv4(text: string): number | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split(".").map(Number);
  if (bytes.some((byte) => byte > 255)) return undefined;
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** The network of "172.17.0.1/16", host bits cleared; undefined where the text is not CIDR notation. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address, length, ...rest] = text.split("/");
  const value = parseIpv4(address ?? "");
  const prefixLength = /^\d{1,2}$/.test(length ?? "") ? Number(length) : 33;
  if (value === undefined || prefixLength > 32 || rest.length > 0) return undefined;
  return subnetOf(value, prefixLength);
}

export const subnetOf = (address: number, prefixLength: number): Subnet => ({
  base: address - (address % 2 ** (32 - prefixLength)),
  prefixLength,
});

export const formatSubnet = ({ base, prefixLength }: Subnet): string => `${formatIpv4(base)}/${prefixLength}`;

/** How many addresses it has, its own and the broadcast address included. */
export const subnetSize = ({ prefixLength }: Subnet): number => 2 ** (32 - prefixLength);

export const broadcastOf = (subnet: Subnet): number => subnet.base + subnetSize(subnet) - 1;

/** The first address: the bridge's own. */
export const gatewayOf = (subnet: Subnet): number => subnet.base + 1;

export function overlap(a: Subnet, b: Subnet): boolean {
  return a.base <= broadcastOf(b) && b.base <= broadcastOf(a);
}

/**
 * The locally administered MAC address 02:42:<address>, as docker derives it: unique where the address is, and the
 * same again for the next owner of the address, so that neighbours' ARP entries stay true.
 */
export function macOf(address: number): string {
  const bytes = [24, 16, 8, 0].map((shift) => (address >>> shift) & 255);
  return [0x02, 0x42, ...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
