/** `--network` in both its forms, and the flags that speak of the first network. */
import type { EndpointOptions } from "../../engine/types.ts";
import { TsrunError } from "../../errors.ts";
import { parseCsvLine } from "./csv.ts";
import { isIp } from "./ip.ts";

/** NETWORK, or name=NETWORK,alias=…,ip=…,ip6=…,link-local-ip=…,mac-address=…,driver-opt=KEY=VALUE,gw-priority=N. */
export function parseNetwork(text: string): EndpointOptions {
  const fields = parseCsvLine(text);
  if (!/^[^,]*=/.test(text)) return { network: text };
  const endpoint: EndpointOptions = { network: "" };
  for (const field of fields) {
    const equals = field.indexOf("=");
    if (equals === -1) throw new Error(`invalid field ${field}`);
    setField(endpoint, field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim());
  }
  if (endpoint.network === "") throw new Error("network name/id is not specified");
  return endpoint;
}

function setField(endpoint: EndpointOptions, key: string, value: string): void {
  switch (key) {
    case "name":
      endpoint.network = value;
      return;
    case "alias":
      endpoint.aliases = [...(endpoint.aliases ?? []), value];
      return;
    case "ip":
      endpoint.ipv4Address = value;
      return;
    case "ip6":
      endpoint.ipv6Address = value;
      return;
    case "link-local-ip":
      endpoint.linkLocalAddresses = [...(endpoint.linkLocalAddresses ?? []), value];
      return;
    case "mac-address":
      endpoint.macAddress = parseMacAddress(value);
      return;
    case "driver-opt":
      endpoint.driverOptions = { ...endpoint.driverOptions, ...driverOption(value) };
      return;
    case "gw-priority":
      if (!/^[+-]?\d+$/.test(value)) throw new Error(`invalid gw-priority (${value}): invalid syntax`);
      endpoint.gatewayPriority = Number(value);
      return;
    default:
      throw new Error(`invalid field key ${key}`);
  }
}

/** KEY=VALUE of --driver-opt. */
export function driverOption(text: string): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new Error("invalid key value pair format in driver options");
  return { [text.slice(0, equals).trim().toLowerCase()]: text.slice(equals + 1).trim() };
}

/** Six bytes in hexadecimal; the first one's lowest bit would make it a group's (IEEE 802). */
export function parseMacAddress(text: string): string {
  const mac = text.trim().toLowerCase().replaceAll("-", ":");
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac))
    throw new Error(`${text.trim()} is not a valid mac address`);
  if (Number.parseInt(mac.slice(0, 2), 16) & 1) throw new Error(`${mac} is a multicast address`);
  return mac;
}

/** `--link CONTAINER[:ALIAS]`. */
export function parseLink(text: string): string {
  const [container = "", alias = container, ...rest] = text.split(":");
  if (container === "" || alias === "" || rest.length > 0) throw new Error(`bad format for links: ${text}`);
  return `${container.replace(/^\//, "")}:${alias}`;
}

/** `--ip`, `--ip6`. */
export function parseAddress(text: string): string {
  if (!isIp(text)) throw new Error(`invalid IP address: ${text}`);
  return text;
}

export interface NetworkFlags {
  network: readonly EndpointOptions[];
  ip: string | undefined;
  ip6: string | undefined;
  "mac-address": string | undefined;
  "link-local-ip": readonly string[];
  link: readonly string[];
  "network-alias": readonly string[];
}

/** What flags say together of networks; each flag beside --network is about the first one. */
export function networking(flags: NetworkFlags): { network?: string; endpoints?: EndpointOptions[] } {
  const [first = { network: "default" }, ...others] = flags.network;
  const twice = flags.network.find(
    ({ network }, at) => flags.network.findIndex((each) => each.network === network) !== at,
  );
  if (twice) throw conflict(`network "${twice.network}" is specified multiple times`);
  if (first.network === "") throw conflict("no name set for network");
  refuseBoth(flags, first);
  const { ip, ip6, link } = flags;
  const aliases = [...(first.aliases ?? []), ...flags["network-alias"]];
  const linkLocal = [...(first.linkLocalAddresses ?? []), ...flags["link-local-ip"]];
  const whole: EndpointOptions = {
    ...first,
    network: first.network === "default" ? "bridge" : first.network,
    ...(ip !== undefined && { ipv4Address: ip }),
    ...(ip6 !== undefined && { ipv6Address: ip6 }),
    ...(flags["mac-address"] !== undefined && { macAddress: flags["mac-address"] }),
    ...(aliases.length > 0 && { aliases }),
    ...(linkLocal.length > 0 && { linkLocalAddresses: linkLocal }),
    ...(link.length > 0 && { links: [...link] }),
  };
  const isPlain = Object.keys(whole).length === 1 && others.length === 0;
  if (isPlain) return flags.network.length === 0 ? {} : { network: whole.network };
  return { network: whole.network, endpoints: [whole, ...others] };
}

function refuseBoth(flags: NetworkFlags, first: EndpointOptions): void {
  const both: [boolean, string][] = [
    [
      flags["network-alias"].length > 0 && first.aliases !== undefined,
      "--network-alias and per-network alias",
    ],
    [flags.ip !== undefined && first.ipv4Address !== undefined, "--ip and per-network IPv4 address"],
    [flags.ip6 !== undefined && first.ipv6Address !== undefined, "--ip6 and per-network IPv6 address"],
    [
      flags["link-local-ip"].length > 0 && first.linkLocalAddresses !== undefined,
      "--link-local-ip and per-network link-local IP addresses",
    ],
    [
      flags["mac-address"] !== undefined && first.macAddress !== undefined,
      "--mac-address and per-network MAC address",
    ],
  ];
  const found = both.find(([given]) => given);
  if (found) throw conflict(`conflicting options: cannot specify both ${found[1]}`);
}

function conflict(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_OPTION_CONFLICT", message, { hint: "say it once" });
}
