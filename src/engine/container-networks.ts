/** A container's connections: made when it starts, shown while it runs, given back at its end. */
import { closeSync, existsSync, openSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { createNetworkNamespace, type NetworkNamespace, openNetworkNamespace } from "../kernel/netns.ts";
import { attach, release } from "../network/attach.ts";
import { readEndpoint, removeEndpoint, renameEndpoints } from "../network/endpoints.ts";
import { BRIDGE } from "../network/predefined.ts";
import { findNetwork, networkNotFound, readNetwork } from "../network/records.ts";
import type { Attachment, EndpointOptions, EndpointRequest } from "../network/types.ts";
import type { Paths } from "../store/paths.ts";
import type { EngineContext } from "./context.ts";
import { connections, endpointsOf, hasPreparedNetwork, joinedContainer } from "./network-mode.ts";
import { isOwned } from "./ownership.ts";
import { portsPath } from "./published-ports.ts";
import { resolveContainer } from "./records.ts";
import { isRunning, readState } from "./state.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

export interface PreparedNetwork extends Disposable {
  /** Descriptor of the network namespace. */
  netns: number;
  /** undefined where it is another container's, or there is nothing to connect it to. */
  attachment: Attachment | undefined;
}

/**
 * The network namespace of a container about to start, with its interfaces; undefined where its Plan makes an empty one.
 * `made` gives one that was made for it.
 */
export async function prepareNetwork(
  context: EngineContext,
  record: ContainerRecord,
  made: () => NetworkNamespace | undefined,
): Promise<PreparedNetwork | undefined> {
  const joined = joinedContainer(record.options);
  if (joined !== undefined) {
    const netns = openNamespaceOf(runningContainer(context.paths, joined));
    return { netns, attachment: undefined, [Symbol.dispose]: () => closeSync(netns) };
  }
  if (!hasPreparedNetwork(record)) return undefined;
  const endpoints = endpointRequests(context.paths, connections(record));
  const netns = made() ?? createNetworkNamespace();
  const prepared = { netns: netns.fd, [Symbol.dispose]: () => netns[Symbol.dispose]() };
  if (endpoints.length === 0) return { ...prepared, attachment: undefined };
  try {
    const attachment = await attach(context, {
      containerId: record.id,
      containerName: record.name,
      netns,
      endpoints,
      isAlive: (id) => mayUseAddress(context.paths, id),
    });
    return { ...prepared, attachment };
  } catch (error) {
    netns[Symbol.dispose]();
    throw error;
  }
}

/** One that was killed keeps its address until what leads to it has been taken back (the next sweep). */
export const mayUseAddress = (paths: Paths, id: string): boolean =>
  isOwned(paths, id) || existsSync(portsPath(paths, id));

/** Throws ERR_TSRUN_NETWORK_NOT_FOUND; a network that was removed and made again by its name is meant by it. */
export function endpointRequests(paths: Paths, endpoints: readonly EndpointOptions[]): EndpointRequest[] {
  return endpoints.map((options) => {
    if (options.networkId === BRIDGE.id) return { network: BRIDGE, options };
    const byId = options.networkId === undefined ? undefined : readNetwork(paths, options.networkId);
    const network = byId ?? findNetwork(paths, options.network);
    if (network === undefined) throw networkNotFound(options.network);
    return { network, options };
  });
}

/** Gives back what it has on its networks. */
export async function releaseNetworks(context: EngineContext, record: ContainerRecord): Promise<void> {
  const ids = connections(record).flatMap(({ networkId }) => networkId ?? []);
  await release(context, record.id, ids);
}

/** The state with the connections that a running container has. */
export function withNetworks(paths: Paths, record: ContainerRecord, state: ContainerState): ContainerState {
  if (state.status !== "running") return state;
  const networks = endpointsOf(record).flatMap(({ networkId }) =>
    networkId === undefined ? [] : (readEndpoint(paths, networkId, record.id) ?? []),
  );
  return { ...state, networks };
}

/** Others on its networks find it by its new name from now on. */
export function renameConnections(paths: Paths, record: ContainerRecord, name: string): void {
  const ids = connections(record).flatMap(({ networkId }) => networkId ?? []);
  renameEndpoints(paths, ids, { containerId: record.id, name });
  // Its end may have come between the look at a document and its replacement, which nobody would remove then.
  if (isRunning(readState(paths, record.id))) return;
  for (const networkId of ids) if (!isOwned(paths, record.id)) removeEndpoint(paths, networkId, record.id);
}

/** The network namespace of a container that runs; undefined where it has just ended. */
export function openRunningNetwork(state: ContainerState): NetworkNamespace | undefined {
  let fd: number;
  try {
    fd = openNamespaceOf(state);
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  // The number may be another process's by now: what was opened is the container's if that still runs.
  if (isRunning(state)) return openNetworkNamespace(fd);
  closeSync(fd);
  return undefined;
}

function runningContainer(paths: Paths, id: string): ContainerState {
  const record = resolveContainer(paths, id);
  const state = readState(paths, record.id);
  if (state.status === "running") return state;
  throw new TsrunError(
    "ERR_TSRUN_CONTAINER_NOT_RUNNING",
    `cannot join network of a non running container: ${record.id}`,
    { hint: `tsrun start ${record.name}` },
  );
}

const openNamespaceOf = ({ pid }: ContainerState): number => openSync(`/proc/${pid}/ns/net`, "r");
