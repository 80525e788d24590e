/** What a user asks of a network, checked: what docker refuses is refused in its words, before anything is made. */
import { TsrunError } from "../errors.ts";
import { type Cidr, contains, firstHost, formatCidr, formatIp, overlaps, parseCidr, parseIp } from "./ip.ts";
import { invalidOption } from "./network-options.ts";
import { PREDEFINED } from "./predefined.ts";
import type { NetworkDriver, NetworkSubnet } from "./types.ts";

export interface NetworkRequest {
  name: string;
  /** "bridge" by default. */
  driver?: string;
  /** CIDR; at most one of each family. */
  subnets?: readonly string[];
  /** Addresses and ranges of those subnets, in any order. */
  gateways?: readonly string[];
  ipRanges?: readonly string[];
  reserved?: Readonly<Record<string, string>>;
  internal?: boolean;
  enableIpv4?: boolean;
  enableIpv6?: boolean;
  attachable?: boolean;
  labels?: Readonly<Record<string, string>>;
  options?: Readonly<Record<string, string>>;
  ipamDriver?: string;
  ipamOptions?: Readonly<Record<string, string>>;
  scope?: string;
}

/** Throws what is wrong with the request; returns its driver. */
export function validateRequest(request: NetworkRequest): "bridge" | "macvlan" {
  const { name, driver = "bridge", ipamDriver = "default", scope = "local", options = {} } = request;
  if (PREDEFINED.some((network) => network.name === name) || name === "default") {
    throw new TsrunError(
      "ERR_TSRUN_NETWORK_PREDEFINED",
      `operation is not permitted on predefined ${name} network`,
      { hint: "choose another name" },
    );
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    throw invalid(
      `invalid network name (${name}): only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
      "the first character is a letter or a digit",
    );
  }
  if (driver === "host" || driver === "null")
    throw invalid(
      `only one instance of "${driver}" network is allowed`,
      `it is there: ${driver === "null" ? "none" : "host"}`,
    );
  if (!isDriver(driver))
    throw invalid(`plugin "${driver}" not found`, "the drivers of networks are bridge and macvlan");
  if (ipamDriver !== "default")
    throw invalid(`plugin "${ipamDriver}" not found`, "the ipam driver is default");
  if (scope !== "local") {
    throw invalid(
      `cannot create a ${scope} scoped network: there is no cluster`,
      "networks of tsrun are of one host: leave out --scope",
    );
  }
  if (!(request.enableIpv4 ?? true) && !(request.enableIpv6 ?? false))
    throw invalid("IPv4 or IPv6 must be enabled", "leave out --ipv4=false, or add --ipv6");
  const wrong = invalidOption(options);
  if (wrong !== undefined) throw invalid(wrong);
  return driver;
}

const isDriver = (driver: string): driver is Extract<NetworkDriver, "bridge" | "macvlan"> =>
  driver === "bridge" || driver === "macvlan";

/** The subnets that were named, each with what of the rest belongs to it; docker's words for what belongs to none. */
export function askedSubnets(request: NetworkRequest): NetworkSubnet[] {
  const { subnets = [], gateways = [], ipRanges = [], reserved = {} } = request;
  const cidrs = subnets.map(
    (text) => parseCidr(text) ?? raise(invalid(`invalid subnet ${text}: invalid CIDR block notation`)),
  );
  for (const [at, cidr] of cidrs.entries()) {
    if (cidrs.slice(0, at).some((other) => overlaps(cidr, other)))
      throw invalid("multiple overlapping subnet configuration is not supported");
    if (cidrs.slice(0, at).some((other) => other.family === cidr.family))
      throw invalid("a network has one subnet of each family", "make a second network for the second subnet");
    if (cidr.family === 6 && !(request.enableIpv6 ?? false))
      throw invalid(`the subnet ${formatCidr(cidr)} is of IPv6, which is not enabled`, "add --ipv6");
    if (cidr.family === 4 && !(request.enableIpv4 ?? true))
      throw invalid(
        `the subnet ${formatCidr(cidr)} is of IPv4, which is not enabled`,
        "leave out --ipv4=false",
      );
    if (cidr.prefixLength > (cidr.family === 4 ? 30 : 126))
      throw invalid(`the subnet ${formatCidr(cidr)} has no room for a gateway and a container`);
  }
  if (gateways.length + ipRanges.length > 0 && cidrs.length === 0)
    throw invalid("every ip-range or gateway must have a corresponding subnet");
  const parts = cidrs.map((cidr) => ({
    cidr,
    gateway: "",
    range: "",
    reserved: {} as Record<string, string>,
  }));
  const partWith = (address: string, what: string) => {
    const ip = parseIp(address);
    const found = ip && parts.find(({ cidr }) => contains(cidr, ip));
    return { ip, part: found ?? raise(invalid(`no matching subnet for ${what}`)) };
  };
  for (const range of ipRanges) {
    const cidr = parseCidr(range);
    const part = cidr && parts.find((each) => isInside(cidr, each.cidr));
    if (cidr === undefined || part === undefined) throw invalid(`no matching subnet for range ${range}`);
    if (part.range !== "")
      throw invalid(`duplicated ip-range configuration for subnet ${formatCidr(part.cidr)}`);
    part.range = formatCidr(cidr);
  }
  for (const gateway of gateways) {
    const { ip, part } = partWith(gateway, `gateway ${gateway}`);
    if (part.gateway !== "")
      throw invalid(`duplicated gateway configuration for subnet ${formatCidr(part.cidr)}`);
    part.gateway = ip ? formatIp(ip) : gateway;
  }
  for (const [name, address] of Object.entries(reserved)) {
    const { ip, part } = partWith(address, `aux-address ${address}`);
    part.reserved[name] = ip ? formatIp(ip) : address;
  }
  return parts.map(({ cidr, gateway, range, reserved: aux }) => ({
    subnet: formatCidr(cidr),
    gateway: gateway || firstHost(cidr),
    ...(range !== "" && { ipRange: range }),
    ...(Object.keys(aux).length > 0 && { reserved: aux }),
    asked: true,
  }));
}

const isInside = (inner: Cidr, outer: Cidr): boolean =>
  inner.prefixLength >= outer.prefixLength && overlaps(inner, outer);

export function invalid(message: string, hint?: string): TsrunError {
  return new TsrunError("ERR_TSRUN_NETWORK_INVALID", message, hint === undefined ? {} : { hint });
}

function raise(error: Error): never {
  throw error;
}
