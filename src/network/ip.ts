/** Addresses and ranges of either family, as the commands that make networks reckon with them; a start has ipv4.ts. */
import { ipBytes, ipText } from "../kernel/ip-address.ts";

export type Family = 4 | 6;

/** A network: its own address, host bits zero, as a number. */
export interface Cidr {
  readonly family: Family;
  readonly base: bigint;
  readonly prefixLength: number;
}

export interface Ip {
  readonly family: Family;
  readonly value: bigint;
}

const bits = (family: Family): number => (family === 4 ? 32 : 128);

/** undefined where the text is no address. */
export function parseIp(text: string): Ip | undefined {
  const bytes = ipBytes(text);
  if (bytes === undefined) return undefined;
  return { family: bytes.length === 4 ? 4 : 6, value: BigInt(`0x${bytes.toString("hex")}`) };
}

export function formatIp({ family, value }: Ip): string {
  return ipText(Buffer.from(value.toString(16).padStart(bits(family) / 4, "0"), "hex"));
}

/** The network of "172.17.0.1/16", host bits cleared; undefined where the text is not CIDR notation. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const prefixLength = Number(length);
  return prefixLength > bits(ip.family) ? undefined : cidrOf(ip, prefixLength);
}

export function cidrOf({ family, value }: Ip, prefixLength: number): Cidr {
  const hostBits = BigInt(bits(family) - prefixLength);
  return { family, base: (value >> hostBits) << hostBits, prefixLength };
}

export const formatCidr = ({ family, base, prefixLength }: Cidr): string =>
  `${formatIp({ family, value: base })}/${prefixLength}`;

/** How many addresses it has, its own included. */
export const sizeOf = ({ family, prefixLength }: Cidr): bigint => 1n << BigInt(bits(family) - prefixLength);

export const lastOf = (cidr: Cidr): bigint => cidr.base + sizeOf(cidr) - 1n;

export function contains(cidr: Cidr, ip: Ip): boolean {
  return ip.family === cidr.family && ip.value >= cidr.base && ip.value <= lastOf(cidr);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.base <= lastOf(b) && b.base <= lastOf(a);
}

/** The first address after the network's own: by custom the gateway's. */
export const firstHost = (cidr: Cidr): string => formatIp({ family: cidr.family, value: cidr.base + 1n });

/** "10.0.0.2/24" without its length. */
export const addressPart = (text: string): string => text.replace(/\/.*$/, "");
