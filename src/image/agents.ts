/**
 * The http(s).Agent of each host: keeps connections alive for the length of a pull, trusts the authorities of
 * certs.d/HOST/, and goes through a proxy where one is set.
 */
import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import type { OnReadOpts } from "node:net";
import { join } from "node:path";
import tls from "node:tls";
import type { Config } from "../config.ts";
import { TsrunError } from "../errors.ts";
import { proxyFor } from "./proxy.ts";
import { intoOneBuffer } from "./socket-reads.ts";

export interface Agents extends Disposable {
  /** The agent for a URL; `insecure` skips the verification of its certificate. */
  get(url: URL, insecure: boolean): Promise<http.Agent>;
  /**
   * Trusts the system's certificate store from now on beside Node's own; false where it did already. Reading the
   * store takes 100 ms, so it happens only after a certificate was refused.
   */
  trustSystem(): boolean;
}

/** http.Agent hands them all on to net.connect(), also those that its type does not have. */
type Options = https.AgentOptions & { onread: OnReadOpts };

export function createAgents(config: Config): Agents {
  const agents = new Map<string, http.Agent>();
  let systemRoots: string[] = [];

  async function create(url: URL, insecure: boolean): Promise<http.Agent> {
    const options: Options = { keepAlive: true, onread: intoOneBuffer() };
    if (url.protocol === "https:") {
      Object.assign(options, clientCertificates(config["certs-dir"], url.host, systemRoots));
      options.rejectUnauthorized = !insecure;
    }
    const proxy = proxyFor(url, config.proxies);
    if (proxy === undefined)
      return url.protocol === "https:" ? new https.Agent(options) : new http.Agent(options);
    const { HttpsProxyAgent } = await import("https-proxy-agent");
    // The constructor's options also shape the TLS connection to the proxy itself, which has certificates of its own.
    const agent = new HttpsProxyAgent(proxy, { keepAlive: true });
    Object.assign(agent.options, options);
    return agent;
  }

  return {
    async get(url, insecure) {
      const key = `${url.origin} ${insecure}`;
      const agent = agents.get(key) ?? (await create(url, insecure));
      agents.set(key, agent);
      return agent;
    },
    trustSystem() {
      if (systemRoots.length > 0) return false;
      systemRoots = tls.getCACertificates("system");
      destroyAll(agents);
      return systemRoots.length > 0;
    },
    [Symbol.dispose]: () => destroyAll(agents),
  };
}

function destroyAll(agents: Map<string, http.Agent>): void {
  for (const agent of agents.values()) agent.destroy();
  agents.clear();
}

/** certs.d/HOST[:PORT]/ as Docker lays it out: *.crt are authorities, NAME.cert with NAME.key is a client's own. */
function clientCertificates(certsDir: string, host: string, systemRoots: string[]): tls.SecureContextOptions {
  const directory = join(certsDir, host);
  const names = list(directory);
  const read = (name: string) => readFileSync(join(directory, name), "utf8");
  const authorities = names.filter((name) => name.endsWith(".crt")).map(read);
  const own = names.filter((name) => name.endsWith(".cert"));
  for (const name of own) {
    if (names.includes(keyOf(name))) continue;
    throw new TsrunError(
      "ERR_TSRUN_CERTIFICATE_INVALID",
      `missing key ${keyOf(name)} for client certificate ${name}`,
      {
        hint: `in ${directory}; authorities' certificates end in .crt`,
      },
    );
  }
  const options: tls.SecureContextOptions = {};
  if (authorities.length + systemRoots.length > 0) {
    options.ca = [...tls.getCACertificates("default"), ...systemRoots, ...authorities];
  }
  if (own.length > 0) {
    options.cert = own.map(read);
    options.key = own.map(keyOf).map(read);
  }
  return options;
}

const keyOf = (certificate: string): string => certificate.replace(/\.cert$/, ".key");

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes((cause as NodeJS.ErrnoException).code ?? "")) return [];
    throw cause;
  }
}
