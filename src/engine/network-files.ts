/** The files that tie a container to its network: /etc/hosts, /etc/hostname, /etc/resolv.conf. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { hostsFile, parseExtraHost } from "../network/hosts.ts";
import { addressPart } from "../network/ip.ts";
import { NONE } from "../network/predefined.ts";
import { NAME_SERVER, resolvConf, validateNameServers } from "../network/resolv-conf.ts";
import { containerDir } from "../store/paths.ts";
import type { EngineContext } from "./context.ts";
import { type Linked, linkedHosts } from "./links.ts";
import type { NetworkFiles } from "./mounts.ts";
import { hasOwnNetwork, networkMode, resolvesNames, sharesHostNetwork } from "./network-mode.ts";
import type { ContainerOptions, ContainerRecord, Endpoint } from "./types.ts";

const SYSTEMD_UPSTREAM = "/run/systemd/resolve/resolv.conf";

export function networkFilePaths(containerDir: string): NetworkFiles {
  return {
    hosts: join(containerDir, "hosts"),
    hostname: join(containerDir, "hostname"),
    resolvConf: join(containerDir, "resolv.conf"),
  };
}

/** Throws what is wrong with --add-host and --dns, before anything is created. */
export function validateNetworkFiles(options: ContainerOptions, config: Config): void {
  const hasGateway = hasOwnNetwork(options) && networkMode(options) !== NONE.name;
  for (const entry of options.extraHosts ?? []) {
    if (hasGateway) parseExtraHost(entry, "0.0.0.0");
    else parseExtraHost(entry);
  }
  validateNameServers(asked(options.dns, config.dns));
}

/** Writes the three files for a container about to start with these connections. */
export function writeNetworkFiles(
  context: EngineContext,
  record: ContainerRecord,
  networks: readonly Endpoint[],
): void {
  const files = networkFilePaths(containerDir(context.paths, record.id));
  writeHosts(context, record, networks);
  writeFileSync(files.hostname, `${record.hostname}\n`);
  writeResolvConf(context, record, networks);
}

/** Writes /etc/resolv.conf in its place, for it is mounted in a container that runs. */
export function writeResolvConf(
  { paths, config }: EngineContext,
  { id, options }: ContainerRecord,
  networks: readonly Endpoint[],
): void {
  const ownServer = networks.some(resolvesNames) ? NAME_SERVER : undefined;
  writeFileSync(
    networkFilePaths(containerDir(paths, id)).resolvConf,
    resolvConfText(options, config, ownServer),
  );
}

/**
 * Writes /etc/hosts in its place, for it is mounted in a container that runs. `linked`: a container about to start needs
 * all that it is linked to, one that runs has outlived some of them perhaps.
 */
export function writeHosts(
  { paths }: EngineContext,
  record: ContainerRecord,
  networks: readonly Endpoint[],
  { linked = "all" }: { linked?: Linked } = {},
): void {
  const { options, hostname } = record;
  const addresses = networks.flatMap(({ address, address6 }) => [address, address6 ?? ""].filter(Boolean));
  const hostGateway = networks.find(({ gateway }) => gateway !== "")?.gateway;
  writeFileSync(
    networkFilePaths(containerDir(paths, record.id)).hosts,
    hostsFile({
      ...(sharesHostNetwork(options) ? { base: readOptional("/etc/hosts") } : {}),
      ...(addresses.length > 0 && {
        own: { addresses: addresses.map(addressPart), hostname, domainname: options.domainname },
      }),
      ...(hostGateway !== undefined && { hostGateway }),
      links: linkedHosts(paths, record, linked),
      extraHosts: options.extraHosts ?? [],
    }),
  );
}

function resolvConfText(options: ContainerOptions, config: Config, ownServer?: string): string {
  return resolvConf({
    host: readOptional("/etc/resolv.conf"),
    upstream: readOptional(SYSTEMD_UPSTREAM) || undefined,
    sharesHostNetwork: sharesHostNetwork(options),
    dns: asked(options.dns, config.dns),
    search: asked(options.dnsSearch, config["dns-search"]),
    options: asked(options.dnsOptions, config["dns-opts"]),
    ownServer,
  });
}

/** What the container's own options say, or else the configuration. */
const asked = (own: string[] | undefined, configured: string[]): string[] => (own?.length ? own : configured);

function readOptional(path: string): string {
  if (!existsSync(path)) return ""; // an exception takes longer than all else here
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
