/**
 * Where a registry's images are asked for: Docker Hub's mirrors first, then the registry itself, and an insecure
 * registry over plain HTTP where it does not speak TLS.
 */
import { lookup } from "node:dns/promises";
import { BlockList, isIP, isIPv6 } from "node:net";
import type { Config } from "../config.ts";
import type { Reference } from "./reference.ts";

export interface Endpoint {
  /** Without a slash at its end: "https://registry-1.docker.io". */
  url: string;
  /** The name that credentials and certificates are kept by: "docker.io", "localhost:5000". */
  host: string;
  mirror: boolean;
  /** Its certificate is not verified. */
  insecure: boolean;
}

const DOCKER_HUB = "docker.io";
const DOCKER_HUB_URL = "https://registry-1.docker.io";

/** The endpoints of a reference's registry, in the order to try them. */
export async function endpointsOf(ref: Pick<Reference, "domain">, config: Config): Promise<Endpoint[]> {
  if (ref.domain === DOCKER_HUB) {
    const mirrors = config["registry-mirrors"].map((url) => mirrorEndpoint(url, config));
    const hub: Endpoint = { url: DOCKER_HUB_URL, host: DOCKER_HUB, mirror: false, insecure: false };
    return [...(await Promise.all(mirrors)), hub];
  }
  const insecure = await isInsecure(ref.domain, config["insecure-registries"]);
  const secure: Endpoint = { url: `https://${ref.domain}`, host: ref.domain, mirror: false, insecure };
  return insecure ? [secure, { ...secure, url: `http://${ref.domain}` }] : [secure];
}

/** "https://registry-1.docker.io/v2/library/alpine/manifests/latest". */
export function apiUrl(endpoint: Endpoint, ref: Reference, rest: string): string {
  return `${endpoint.url}/v2/${ref.path}/${rest}`;
}

/**
 * Whether a registry may be spoken to without TLS or with an unverified certificate: one listed by its host and port,
 * one whose address is in a listed network, and any on loopback, as dockerd decides it.
 */
export async function isInsecure(registry: string, listed: readonly string[]): Promise<boolean> {
  const networks = listed.filter((entry) => entry.includes("/"));
  if (listed.includes(registry)) return true;
  const host = hostname(registry);
  if (host === "localhost") return true;
  const block = new BlockList();
  block.addSubnet("127.0.0.0", 8, "ipv4");
  block.addAddress("::1", "ipv6");
  for (const network of networks) {
    const [address, prefix] = network.split("/") as [string, string];
    if (isIP(address) !== 0) block.addSubnet(address, Number(prefix), isIPv6(address) ? "ipv6" : "ipv4");
  }
  const inBlock = (address: string) => block.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  if (isIP(host) !== 0) return inBlock(host);
  if (networks.length === 0) return false;
  const addresses = await lookup(host, { all: true }).catch(() => []);
  return addresses.some(({ address }) => inBlock(address));
}

/** A mirror is insecure by the same rules; which scheme it speaks is said in its URL. */
async function mirrorEndpoint(text: string, config: Config): Promise<Endpoint> {
  const url = new URL(text);
  const insecure = await isInsecure(url.host, config["insecure-registries"]);
  return { url: `${url.origin}${url.pathname}`.replace(/\/+$/, ""), host: url.host, mirror: true, insecure };
}

const hostname = (registry: string): string => registry.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
