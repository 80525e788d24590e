/** Names on user-defined networks: what containers are told of their name server, and the program that it is. */
import { closeSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { TsrunError } from "../errors.ts";
import { SyscallError } from "../kernel/errors.ts";
import type { NetworkKind } from "../network/dns/names.ts";
import { type NameSockets, openNameSockets } from "../network/dns/sockets.ts";
import { isUserDefined } from "../network/predefined.ts";
import { readNetwork } from "../network/records.ts";
import { giveNameServer } from "../runtime/name-server.ts";
import { containerDir, containerRunDir, type Paths } from "../store/paths.ts";
import type { EngineContext } from "./context.ts";
import { networkFilePaths, writeHosts, writeResolvConf } from "./network-files.ts";
import { resolvesNames } from "./network-mode.ts";
import { readRecord } from "./records.ts";
import type { ContainerOptions, ContainerRecord, Endpoint } from "./types.ts";

const HOST_FILE = "/etc/resolv.conf";

/** The resolver's socket and lock, native/monitor/resolver.h, are in the run directory itself. */
const socketPath = (paths: Paths): string => join(paths.run, "resolver.sock");

/** The files and sockets of a container that runs follow its networks, which are others now. */
export function followNetworks(
  context: EngineContext,
  record: ContainerRecord,
  { netns, networks }: { netns: number; networks: readonly Endpoint[] },
): void {
  if (networks.some(resolvesNames)) provideNameServer(containerRunDir(context.paths, record.id), netns);
  writeResolvConf(context, record, networks);
  writeHosts(context, record, networks, { linked: "running" });
}

function provideNameServer(socketDir: string, netns: number): void {
  let sockets: NameSockets;
  try {
    sockets = openNameSockets(netns);
  } catch (error) {
    if (isInUse(error)) return; // it has one, from its start or from a network that it has left since
    throw error;
  }
  using _closed = sockets;
  giveNameServer(socketDir, [sockets.udp, sockets.tcp]);
}

const isInUse = (error: unknown): boolean =>
  error instanceof TsrunError && error.cause instanceof SyscallError && error.cause.code === "EADDRINUSE";

/** Answers the questions of all containers whose monitors connect to the listening socket, until there are none. */
export async function serveNames({ paths, config }: EngineContext, listener: number): Promise<void> {
  const { runResolver } = await import("../network/dns/resolver.ts");
  const { atNamePort, hostServers } = await import("../network/dns/host-servers.ts");
  const ofHost = hostServers(HOST_FILE);
  await runResolver({
    listener,
    networksDir: join(paths.run, "networks"),
    kindOf: networkKinds(paths),
    settingsOf(id) {
      const record = readRecord(paths, id);
      if (!record) return undefined;
      const chosen = chosenServers(record.options, config);
      const servers = chosen.length > 0 ? atNamePort(chosen) : undefined;
      return { servers: () => servers ?? ofHost(), ndots: asksForDots(paths, id) };
    },
  });
  // Whoever connects from now on finds nobody, and starts another one as soon as this process has ended.
  rmSync(socketPath(paths), { force: true });
  closeSync(listener);
}

/** Networks never change, so each is read once. */
function networkKinds(paths: Paths): (id: string) => NetworkKind | undefined {
  const known = new Map<string, NetworkKind>();
  return (id) => {
    let kind = known.get(id);
    const network = kind === undefined ? readNetwork(paths, id) : undefined;
    if (network !== undefined) {
      kind = { userDefined: isUserDefined(network), internal: network.internal };
      known.set(id, kind);
    }
    return kind;
  };
}

const chosenServers = ({ dns }: ContainerOptions, config: Config): readonly string[] =>
  dns?.length ? dns : config.dns;

/** A resolv.conf is short; the container may write to its own, and this process serves all of them. */
const RESOLV_CONF_LIMIT = 64 * 1024;

/** Whether the container's resolv.conf says that names with few dots are to be looked for in search domains first. */
function asksForDots(paths: Paths, id: string): boolean {
  const { resolvConf } = networkFilePaths(containerDir(paths, id));
  if (statSync(resolvConf).size > RESOLV_CONF_LIMIT) return false;
  const dots = /^options\b.*\bndots:(\d+)/m.exec(readFileSync(resolvConf, "utf8"))?.[1];
  return Number(dots ?? 0) > 0;
}
