/** network connect and disconnect: a container's networks change, at once where it runs and for every later start. */
import { setTimeout as sleep } from "node:timers/promises";
import { TsrunError } from "../errors.ts";
import { monotonic } from "../kernel/clock.ts";
import { attachLive, detachLive, release } from "../network/attach.ts";
import { listEndpoints, readEndpoint } from "../network/endpoints.ts";
import { HOST, NONE } from "../network/predefined.ts";
import { resolveNetwork } from "../network/records.ts";
import type { Attachment, NetworkRecord } from "../network/types.ts";
import { connectMonitor } from "../runtime/monitor-client.ts";
import { containerRunDir } from "../store/paths.ts";
import { changeRecord } from "./change.ts";
import { removeRunDir } from "./cleanup.ts";
import { endLines } from "./container-events.ts";
import {
  endpointRequests,
  mayUseAddress,
  openRunningNetwork,
  releaseNetworks,
  withNetworks,
} from "./container-networks.ts";
import type { EngineContext } from "./context.ts";
import { networkEvent, recordEvent } from "./events.ts";
import { connections, endpointsOf, hasOwnNetwork } from "./network-mode.ts";
import { isOwned, tryOwnContainer } from "./ownership.ts";
import { requestedPorts } from "./published-ports.ts";
import { resolveContainer, writeRecord } from "./records.ts";
import { followNetworks } from "./resolver.ts";
import { isRunning, readState } from "./state.ts";
import type { ContainerRecord, ContainerState, Endpoint, EndpointOptions } from "./types.ts";
import { resolveEndpoint } from "./validate-network.ts";

const SETTLE_TIMEOUT_MS = 15_000;
const LOOK_AGAIN_MS = 10;

/** Throws ERR_TSRUN_NETWORK_CONFLICT where the container is on the network, and what attaching one at its start throws. */
export async function connectContainer(
  context: EngineContext,
  container: string,
  options: EndpointOptions,
): Promise<{ warnings: readonly string[] }> {
  const network = resolveNetwork(context.paths, options.network);
  const { id } = resolveContainer(context.paths, container);
  if (network.id === HOST.id) throw hostNetwork();
  const endpoint = resolveEndpoint(context.paths, options);
  let warnings: readonly string[] = [];
  await untilSettled(context, id, async (record, state) => {
    refuseMode(record, network);
    const endpoints = endpointsOf(record);
    if (endpoints.some(({ networkId }) => networkId === network.id))
      throw conflict(`endpoint with name ${record.name} already exists in network ${network.name}`);
    const changed = { ...record, endpoints: [...endpoints, endpoint] };
    if (state === undefined || network.id === NONE.id) {
      writeRecord(context.paths, changed);
      return true;
    }
    const attachment = await connectLive(context, { record, changed, state, endpoint });
    warnings = attachment?.warnings ?? [];
    return attachment !== undefined;
  });
  return { warnings };
}

/** Throws ERR_TSRUN_NETWORK_NOT_CONNECTED. `force`: also what a container has left there that is gone. */
export async function disconnectContainer(
  context: EngineContext,
  container: string,
  { network: reference, force = false }: { network: string; force?: boolean },
): Promise<void> {
  const { paths } = context;
  const network = resolveNetwork(paths, reference);
  if (network.id === HOST.id) throw hostNetwork();
  if (force && (await forgetLeft(context, network, container))) return;
  const { id } = resolveContainer(paths, container);
  await untilSettled(context, id, async (record, state) => {
    const endpoints = endpointsOf(record);
    const kept = endpoints.filter(({ networkId }) => networkId !== network.id);
    if (kept.length === endpoints.length) {
      throw new TsrunError(
        "ERR_TSRUN_NETWORK_NOT_CONNECTED",
        `container ${id} is not connected to network ${network.name}`,
        { hint: `it is on: ${endpoints.map((each) => each.network).join(", ") || "no network"}` },
      );
    }
    const changed = { ...record, endpoints: kept };
    if (state === undefined || network.id === NONE.id) {
      writeRecord(paths, changed);
      return true;
    }
    return await disconnectLive(context, { changed, state, network });
  });
}

type Act = (record: ContainerRecord, running: ContainerState | undefined) => Promise<boolean>;

/**
 * Calls `act` with the record, which is the caller's to replace, once the container either runs or cannot be started by
 * anybody meanwhile (`update` waits for the same, and tells why); again where `act` returns false: it has just ended.
 */
async function untilSettled(context: EngineContext, id: string, act: Act): Promise<void> {
  const deadline = monotonic() + SETTLE_TIMEOUT_MS;
  while (!(await trySettled(context, id, act))) {
    if (monotonic() >= deadline) {
      throw new TsrunError("ERR_TSRUN_LOCK_TIMEOUT", `another command is at work on container ${id}`, {
        hint: "wait for it: `tsrun ps -a` tells what has become of the container",
      });
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

async function trySettled(context: EngineContext, id: string, act: Act): Promise<boolean> {
  const { paths } = context;
  using change = await changeRecord(paths, id);
  const state = readState(paths, id);
  if (state.status === "running") return isRunning(state) && (await act(change.record, state));
  // Whoever starts it next reads the record when it is nobody's to change any more (revive.ts).
  if (state.status === "restarting") return await act(change.record, undefined);
  using owned = tryOwnContainer(paths, id);
  if (!owned) return false;
  try {
    return await act(change.record, undefined);
  } finally {
    removeRunDir(context, id);
  }
}

/** undefined where the container has ended meanwhile. The record comes first: what it names is given back at its end. */
async function connectLive(
  context: EngineContext,
  parts: {
    record: ContainerRecord;
    changed: ContainerRecord;
    state: ContainerState;
    endpoint: EndpointOptions;
  },
): Promise<Attachment | undefined> {
  const { record, changed, state, endpoint } = parts;
  const { paths } = context;
  using netns = openRunningNetwork(state);
  if (netns === undefined) return undefined;
  const others = endpointRequests(paths, connections(record));
  const [request] = endpointRequests(paths, [endpoint]);
  if (request === undefined) return undefined;
  writeRecord(paths, changed);
  let attachment: Attachment;
  try {
    attachment = await attachLive(
      context,
      {
        containerId: record.id,
        containerName: record.name,
        netns,
        isAlive: (id) => mayUseAddress(paths, id),
      },
      { endpoint: request, others },
    );
  } catch (error) {
    writeRecord(paths, record);
    throw error;
  }
  const networks = networksOf(context, changed, state);
  await tellMonitor(context, changed, { networks, files: attachment.files });
  if (!isRunning(state)) {
    await releaseNetworks(context, changed);
    return attachment;
  }
  await followPorts(context, changed);
  followNetworks(context, changed, { netns: netns.fd, networks });
  for (const each of attachment.endpoints) recordEvent(context, networkEvent("connect", each));
  return attachment;
}

/** False where the container has ended meanwhile. */
async function disconnectLive(
  context: EngineContext,
  { changed, state, network }: { changed: ContainerRecord; state: ContainerState; network: NetworkRecord },
): Promise<boolean> {
  const { paths } = context;
  using netns = openRunningNetwork(state);
  if (netns === undefined) return false;
  const endpoint = readEndpoint(paths, network.id, changed.id);
  writeRecord(paths, changed);
  if (endpoint === undefined) return true;
  const others = endpointRequests(paths, connections(changed));
  await followPorts(context, changed); // before the address is another's
  await detachLive(context, { containerId: changed.id, netns }, { endpoint, others });
  const networks = networksOf(context, changed, state);
  await tellMonitor(context, changed, { networks, files: [] });
  followNetworks(context, changed, { netns: netns.fd, networks });
  recordEvent(context, networkEvent("disconnect", endpoint));
  return true;
}

const networksOf = ({ paths }: EngineContext, record: ContainerRecord, state: ContainerState) =>
  withNetworks(paths, record, state).networks ?? [];

async function followPorts(context: EngineContext, changed: ContainerRecord): Promise<void> {
  if (requestedPorts(changed).length === 0) return;
  const { movePorts } = await import("./port-publishing.ts");
  await movePorts(context, changed);
}

/**
 * The container's monitor removes the files at its end, and records that it is on these networks no more; where it serves
 * nobody, the end has come.
 */
async function tellMonitor(
  { paths }: EngineContext,
  record: ContainerRecord,
  { networks, files }: { networks: readonly Endpoint[]; files: readonly string[] },
): Promise<void> {
  const client = await connectMonitor(containerRunDir(paths, record.id)).catch(() => undefined);
  if (!client) return;
  client.ignoreOutput();
  client.removeAtEnd(files);
  client.recordAtEnd(endLines(record, networks));
  await client.flushed();
  client.detach();
}

/** What a container that does not run any more, or is no more, has left on the network; whether there was any. */
async function forgetLeft(
  context: EngineContext,
  network: NetworkRecord,
  container: string,
): Promise<boolean> {
  const { paths } = context;
  const left = listEndpoints(paths, network.id).filter(
    ({ name, containerId }) =>
      (name === container || containerId.startsWith(container)) && !isOwned(paths, containerId),
  );
  for (const { containerId } of left) await release(context, containerId, [network.id]);
  return left.length > 0;
}

function refuseMode(record: ContainerRecord, network: NetworkRecord): void {
  if (record.options.network === HOST.name) throw hostNetwork();
  if (!hasOwnNetwork(record.options))
    throw conflict(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  const endpoints = endpointsOf(record);
  const isNone = ({ networkId }: EndpointOptions): boolean => networkId === NONE.id;
  if (endpoints.some(isNone) || (network.id === NONE.id && endpoints.length > 0)) {
    throw conflict(
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
  }
}

const hostNetwork = (): TsrunError =>
  conflict("container cannot be disconnected from host network or connected to host network");

function conflict(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_NETWORK_CONFLICT", message, {
    hint: "`tsrun inspect -f '{{json .NetworkSettings.Networks}}'` shows what a container is on",
  });
}
