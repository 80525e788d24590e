/** Which proxy a request goes through, by the rules that curl and Go's net/http share for NO_PROXY. */
import { BlockList, isIP, isIPv6 } from "node:net";
import type { Proxies } from "../config.ts";

/** The URL of the proxy for a request; undefined for a direct connection. Loopback is always reached directly. */
export function proxyFor(url: URL, proxies: Proxies): string | undefined {
  const proxy = proxies[url.protocol === "https:" ? "https-proxy" : "http-proxy"];
  if (proxy === "" || isExempt(url, proxies["no-proxy"])) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

function isExempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (host === "localhost" || /^127\./.test(host) || host === "::1") return true;
  const rules = noProxy.split(",").map((rule) => rule.trim().toLowerCase());
  return rules.some((rule) => rule !== "" && matches(rule, host, port));
}

function matches(rule: string, host: string, port: string): boolean {
  if (rule === "*") return true;
  if (rule.includes("/")) return inNetwork(rule, host);
  if (isIP(rule) !== 0) return rule === host;
  const [name, rulePort] = rule.replace(/^\*(?=\.)/, "").split(":") as [string, string?];
  if (rulePort !== undefined && rulePort !== port) return false;
  // ".example.org" means its subdomains only, "example.org" itself as well.
  return host === name || host.endsWith(name.startsWith(".") ? name : `.${name}`);
}

function inNetwork(rule: string, host: string): boolean {
  const [address, prefix] = rule.split("/") as [string, string];
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  if (isIP(host) === 0 || isIP(address) === 0 || isIPv6(host) !== isIPv6(address)) return false;
  const network = new BlockList();
  network.addSubnet(address, Number(prefix), family);
  return network.check(host, family);
}
