/** The files that tie a container to its network: /etc/hosts, /etc/hostname, /etc/resolv.conf. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { hostsFile, parseExtraHost } from "../network/hosts.ts";
import { resolvConf } from "../network/resolv-conf.ts";
import type { NetworkFiles } from "./mounts.ts";
import type { ContainerOptions, NetworkState } from "./types.ts";

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
  for (const entry of options.extraHosts ?? []) {
    if (options.network === "bridge" || options.network === undefined) parseExtraHost(entry, "0.0.0.0");
    else parseExtraHost(entry);
  }
  resolvConfText(options, config);
}

/** Writes the three files for a container about to start. */
export function writeNetworkFiles(
  files: NetworkFiles,
  {
    options,
    config,
    hostname,
    network,
  }: { options: ContainerOptions; config: Config; hostname: string; network: NetworkState | undefined },
): void {
  const { domainname } = options;
  writeFileSync(
    files.hosts,
    hostsFile({
      ...(options.network === "host" ? { base: readOptional("/etc/hosts") } : {}),
      ...(network
        ? {
            own: { address: network.address.replace(/\/.*/, ""), hostname, domainname },
            hostGateway: network.gateway,
          }
        : {}),
      extraHosts: options.extraHosts ?? [],
    }),
  );
  writeFileSync(files.hostname, `${hostname}\n`);
  writeFileSync(files.resolvConf, resolvConfText(options, config));
}

function resolvConfText(options: ContainerOptions, config: Config): string {
  const chosen = (asked: string[] | undefined, configured: string[]): string[] =>
    asked?.length ? asked : configured;
  return resolvConf({
    host: readOptional("/etc/resolv.conf"),
    upstream: readOptional(SYSTEMD_UPSTREAM) || undefined,
    sharesHostNetwork: options.network === "host",
    dns: chosen(options.dns, config.dns),
    search: chosen(options.dnsSearch, config["dns-search"]),
    options: chosen(options.dnsOptions, config["dns-opts"]),
  });
}

function readOptional(path: string): string {
  if (!existsSync(path)) return ""; // an exception takes longer than all else here
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
