/** The container's /etc/resolv.conf, resolv.conf(5): the host's, with what cannot work in there replaced. */
import { TsrunError } from "../errors.ts";
import { parseIpv4 } from "./ipv4.ts";

export interface ResolvConfOptions {
  /** The host's /etc/resolv.conf; "" where it has none. */
  host: string;
  /** /run/systemd/resolve/resolv.conf, where it exists: the servers behind systemd-resolved's stub. */
  upstream?: string | undefined;
  /** Whether the container shares the host's network, and so reaches servers on the host's loopback. */
  sharesHostNetwork: boolean;
  /** Given ones replace the host's: --dns, --dns-search ("." for none), --dns-option, or the configuration's. */
  dns?: readonly string[];
  search?: readonly string[];
  options?: readonly string[];
  /**
   * The container's own name server: the only one that its programs are told of, who asks the others for them. It finds
   * names of one label, so these are not to be looked for in search domains first, unless the options say how.
   */
  ownServer?: string | undefined;
}

export interface ResolvConf {
  nameservers: string[];
  search: string[];
  options: string[];
}

/** A container's own name server, where it has one: docker's address of it (dns/sockets.ts). */
export const NAME_SERVER = "127.0.0.11";
/** systemd-resolved(8): answers on the host's loopback only. */
const STUB = "127.0.0.53";
/** Docker's fallback where the host names no server that a container can reach. */
export const FALLBACK_SERVERS = ["8.8.8.8", "8.8.4.4"];

/** The text of the file. Throws ERR_TSRUN_DNS_INVALID for a server that is not an IP address. */
export function resolvConf(options: ResolvConfOptions): string {
  const host = parseResolvConf(baseFile(options));
  const inherited = options.sharesHostNetwork ? host.nameservers : reachable(host.nameservers);
  const asked = chosen(options.dns?.map(nameserver), inherited);
  const nameservers = options.ownServer === undefined ? asked : [options.ownServer];
  const search = chosen(options.search, host.search).filter((domain) => domain !== ".");
  const given = chosen(options.options, host.options);
  const resolverOptions =
    options.ownServer === undefined || given.some((option) => option.startsWith("ndots:"))
      ? given
      : [...given, "ndots:0"];
  const lines = nameservers.map((server) => `nameserver ${server}`);
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  if (resolverOptions.length > 0) lines.push(`options ${resolverOptions.join(" ")}`);
  return lines.map((line) => `${line}\n`).join("");
}

/** The host's file, or the one behind it where all it names is the stub that a container cannot reach. */
function baseFile({ host, upstream, sharesHostNetwork }: ResolvConfOptions): string {
  if (sharesHostNetwork || upstream === undefined) return host;
  const { nameservers } = parseResolvConf(host);
  return nameservers.length > 0 && nameservers.every((server) => server === STUB) ? upstream : host;
}

const chosen = (given: readonly string[] | undefined, otherwise: readonly string[]): readonly string[] =>
  given !== undefined && given.length > 0 ? given : otherwise;

/** The bridge network is IPv4 only, and a container's loopback is its own. */
function reachable(servers: readonly string[]): string[] {
  const remaining = servers.filter((server) => parseIpv4(server) !== undefined && !server.startsWith("127."));
  return remaining.length > 0 ? remaining : FALLBACK_SERVERS;
}

/** Of `search` and `domain` the last line counts; `options` add up. Lines that say neither are comments. */
export function parseResolvConf(text: string): ResolvConf {
  const result: ResolvConf = { nameservers: [], search: [], options: [] };
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === "nameserver") result.nameservers.push(...values.slice(0, 1));
    else if (keyword === "search") result.search = values;
    else if (keyword === "domain") result.search = values.slice(0, 1);
    else if (keyword === "options") result.options.push(...values);
  }
  return result;
}

/** Throws ERR_TSRUN_DNS_INVALID for one that is not an IP address. */
export function validateNameServers(servers: readonly string[]): void {
  for (const server of servers) nameserver(server);
}

function nameserver(text: string): string {
  const address = text.trim();
  if (process.getBuiltinModule("node:net").isIP(address) !== 0) return address;
  throw new TsrunError("ERR_TSRUN_DNS_INVALID", `${text} is not an ip address`, {
    hint: "--dns takes the address of a name server, such as 192.168.1.1",
  });
}
