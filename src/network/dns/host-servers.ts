/** The name servers that the host itself uses, whenever they are asked for: a laptop's change with its networks. */
import { readFileSync, statSync } from "node:fs";
import { FALLBACK_SERVERS, parseResolvConf } from "../resolv-conf.ts";
import type { Server } from "./exchange.ts";

const PORT = 53;

/** As servers to ask, at the port that name servers have. */
export const atNamePort = (addresses: readonly string[]): Server[] =>
  addresses.map((address) => ({ address, port: PORT }));

/**
 * What the file names, /etc/resolv.conf as a rule, read again when it has changed. Servers on the host's loopback are
 * as good as others, because they are asked from the host.
 */
export function hostServers(path: string): () => readonly Server[] {
  let stamp: string | undefined;
  let servers: readonly Server[] = [];
  return () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    const now = stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
    if (now === stamp) return servers;
    const { nameservers } = parseResolvConf(stat === undefined ? "" : readFileSync(path, "utf8"));
    servers = atNamePort(nameservers.length > 0 ? nameservers : FALLBACK_SERVERS);
    stamp = now;
    return servers;
  };
}
