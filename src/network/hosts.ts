/** The container's /etc/hosts, hosts(5), with the lines that docker writes. */
import { TsrunError } from "../errors.ts";

export interface HostsOptions {
  /** Replaces the standard lines: the host's own file, where the container shares the host's network. */
  base?: string;
  /** The container's own entries, one an address; without a network there is none. */
  own?: { addresses: readonly string[]; hostname: string; domainname?: string | undefined };
  /** Other containers, by the first of their names. */
  links?: readonly { address: string; names: readonly string[] }[];
  /** "name:address", "name=address", "name:[::1]" or "name:host-gateway". */
  extraHosts?: readonly string[];
  /** What host-gateway stands for: the host's address as the container reaches it. */
  hostGateway?: string;
}

const STANDARD = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "ff00::0\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
]
  .map((line) => `${line}\n`)
  .join("");

/** The text of the file. Throws ERR_TSRUN_ADD_HOST_INVALID for an entry that is not name:address. */
export function hostsFile({ base, own, links = [], extraHosts = [], hostGateway }: HostsOptions): string {
  const lines = extraHosts.map((entry) => {
    const { name, address } = parseExtraHost(entry, hostGateway);
    return `${address}\t${name}\n`;
  });
  for (const { address, names } of links) lines.push(`${address}\t${names.join(" ")}\n`);
  if (own !== undefined) {
    for (const address of own.addresses) lines.push(`${address}\t${ownNames(own)}\n`);
  }
  const start = base ?? STANDARD;
  const separator = start === "" || start.endsWith("\n") ? "" : "\n";
  return start + separator + lines.join("");
}

/** The full name first, as `hostname --fqdn` expects it. */
function ownNames({ hostname, domainname }: { hostname: string; domainname?: string | undefined }): string {
  return domainname ? `${hostname}.${domainname} ${hostname}` : hostname;
}

/** The name and address of an --add-host entry; the first "=" or else the first ":" separates them. */
export function parseExtraHost(entry: string, hostGateway?: string): { name: string; address: string } {
  const separator = entry.includes("=") ? "=" : ":";
  const at = entry.indexOf(separator);
  const name = entry.slice(0, at);
  const value = entry.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  if (at < 1 || /\s/.test(name)) throw invalid(entry, `bad format for add-host: "${entry}"`);
  if (value !== "host-gateway") {
    // Loaded here, because most containers add no host and node:net costs a millisecond.
    if (process.getBuiltinModule("node:net").isIP(value) === 0)
      throw invalid(entry, `invalid IP address in add-host: "${value}"`);
    return { name, address: value };
  }
  if (hostGateway === undefined) {
    throw invalid(entry, `unable to derive the IP value for host-gateway in "${entry}"`);
  }
  return { name, address: hostGateway };
}

function invalid(entry: string, message: string): TsrunError {
  const hint = entry.endsWith("host-gateway")
    ? "host-gateway needs the bridge network; name the address itself"
    : "write --add-host NAME:ADDRESS, such as db:192.168.1.7";
  return new TsrunError("ERR_TSRUN_ADD_HOST_INVALID", message, { hint });
}
