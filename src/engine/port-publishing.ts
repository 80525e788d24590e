/** Publishing the ports of a container: taken before it starts, passed on when it is connected. Loaded where there are any. */
import { closeSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNetlink } from "../kernel/netlink.ts";
import { decodeLink, getLink } from "../kernel/netlink-link.ts";
import { isRootless } from "../kernel/rootless.ts";
import { readEndpoint } from "../network/endpoints.ts";
import { addressPart } from "../network/ip.ts";
import { hostBindingOf } from "../network/network-options.ts";
import { bypassWarnings } from "../network/ports/bypass.ts";
import { type PortTarget, publishPorts, unpublishPorts } from "../network/ports/publish.ts";
import { type Reservation, type ReserveOptions, reservePorts } from "../network/ports/reserve.ts";
import { hasPortsTable } from "../network/ports/rules.ts";
import type { PortRequest, PublishedPort } from "../network/ports/types.ts";
import type { Endpoint, NetworkRecord } from "../network/types.ts";
import type { MonitorPorts } from "../runtime/launch.ts";
import { writeDocument } from "../store/documents.ts";
import { lock } from "../store/locks.ts";
import { locksDir, type Paths } from "../store/paths.ts";
import { endpointRequests } from "./container-networks.ts";
import type { EngineContext } from "./context.ts";
import { connections, networkMode } from "./network-mode.ts";
import { isOwned } from "./ownership.ts";
import { portsPath, publishedPorts, requestedPorts } from "./published-ports.ts";
import { containerIds, readRecord } from "./records.ts";
import { isRunning, readState } from "./state.ts";
import type { ContainerRecord } from "./types.ts";

type Subject = Pick<ContainerRecord, "options" | "endpoints" | "imageConfig">;

const EVERYWHERE = "0.0.0.0";
const EVERYWHERE6 = "::";

/** Takes the ports of a container that is to start; undefined where there are none. Throws as `reservePorts`. */
export function reserveContainerPorts(context: EngineContext, subject: Subject): Reservation | undefined {
  const requests = requestedPorts(subject);
  if (requests.length === 0) return undefined;
  if (isRootless()) refuseSctp(requests);
  const network = outwardNetwork(context.paths, subject);
  if (network === undefined) return undefined;
  const first = hostBindingOf(network) ?? context.config.ip ?? EVERYWHERE;
  const addresses = first === EVERYWHERE && network.enableIpv6 ? [EVERYWHERE, EVERYWHERE6] : [first];
  const options = { addresses, publisher: (port: PublishedPort) => publisherOf(context.paths, port) };
  return isRootless() ? reserveSoon(requests, options) : reservePorts(requests, options);
}

const PATIENCE_MS = 300;
const LOOK_MS = 10;

/** The process that forwarded them for the container's last run ends right after its monitor, not before. */
function reserveSoon(requests: readonly PortRequest[], options: ReserveOptions): Reservation {
  for (let waited = 0; ; waited += LOOK_MS) {
    try {
      return reservePorts(requests, options);
    } catch (error) {
      const isTaken = error instanceof TsrunError && error.code === "ERR_TSRUN_PORT_IN_USE";
      if (!isTaken || waited >= PATIENCE_MS) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
  }
}

export interface PreparedPorts {
  /** What the container's monitor has of them; undefined where they lead nowhere. */
  monitor?: MonitorPorts;
  /** To be removed at the container's end. */
  files: string[];
  warnings: string[];
  /** Closes what the monitor has its own copies of. */
  close(): void;
}

/** Passes the ports on to a container that has just been connected. */
export async function publishContainerPorts(
  context: EngineContext,
  record: ContainerRecord,
  { reservation, endpoints }: { reservation: Reservation | undefined; endpoints: readonly Endpoint[] },
): Promise<PreparedPorts> {
  if (reservation === undefined) return { files: [], warnings: [discarded(record)], close() {} };
  const { paths } = context;
  await restorePorts(context);
  const network = outwardNetwork(paths, record);
  const endpoint = endpoints.find(({ networkId }) => networkId === network?.id);
  if (endpoint === undefined) throw new Error(`container ${record.id} is not on ${network?.name}`);
  const file = portsPath(paths, record.id);
  await takeBackPorts(paths, record.id); // of a run that was killed
  using _lock = await lockPorts(paths);
  // First the note of what is to be taken back, then what is.
  writeDocument(file, reservation.ports, { durable: false });
  const target = targetOf(endpoint);
  const farewell = await publishPorts(paths, reservation.ports, target);
  const prepared: PreparedPorts = {
    monitor: { fds: reservation.fds, farewell },
    files: [file],
    warnings: bypassWarnings(paths, reservation.ports),
    close() {},
  };
  return isRootless() ? withForwarder(paths, record.id, { prepared, reservation, target }) : prepared;
}

/** In an ordinary user's network namespace those rules serve the containers alone; the host's ports are listened at. */
async function withForwarder(
  paths: Paths,
  id: string,
  parts: { prepared: PreparedPorts; reservation: Reservation; target: PortTarget },
): Promise<PreparedPorts> {
  const { prepared, reservation, target } = parts;
  const { forwardPorts, targetsPath, writeTargets } = await import("./port-forwarding.ts");
  writeTargets(paths, id, { ports: reservation.ports, target });
  const kept = forwardPorts(paths, id, reservation);
  const netlink = openNetlink(NETLINK_NETFILTER);
  return {
    ...prepared,
    monitor: {
      fds: [...reservation.fds, kept],
      farewell: prepared.monitor?.farewell ?? [],
      netlink: netlink.fd,
    },
    files: [...prepared.files, targetsPath(paths, id)],
    close() {
      closeSync(kept);
      netlink[Symbol.dispose]();
    },
  };
}

function refuseSctp(requests: readonly PortRequest[]): void {
  if (!requests.some(({ protocol }) => protocol === "sctp")) return;
  throw new TsrunError("ERR_TSRUN_PORT_PROTOCOL", "an ordinary user cannot publish a port of sctp", {
    hint: "its packets are passed on by the host's packet filter only: run that container as root",
  });
}

const discarded = ({ options }: ContainerRecord): string =>
  `Published ports are discarded: the network ${networkMode(options)} leads to no bridge of this host`;

/** Puts back what leads to containers that run, where somebody has flushed the rules (`nft flush ruleset`). */
export async function restorePorts(context: EngineContext): Promise<void> {
  const { paths } = context;
  const ids = containerIds(paths).filter((id) => publishedPorts(paths, id).length > 0);
  if (ids.length === 0 || hasPortsTable(paths)) return;
  for (const id of ids) {
    const record = readRecord(paths, id);
    if (record !== undefined && isRunning(readState(paths, id))) await movePorts(context, record);
  }
}

/** The ports of a running container follow it where its networks have changed; `changed` is its new record. */
export async function movePorts({ paths }: EngineContext, changed: ContainerRecord): Promise<void> {
  const ports = publishedPorts(paths, changed.id);
  if (ports.length === 0) return;
  const network = outwardNetwork(paths, changed);
  const endpoint = network && readEndpoint(paths, network.id, changed.id);
  using _lock = await lockPorts(paths);
  // What its monitor takes back at its end is told by the host's ports, and so stays right.
  if (endpoint === undefined) unpublishPorts(paths, ports);
  else await publishPorts(paths, ports, targetOf(endpoint));
  if (!isRootless()) return;
  const { writeTargets } = await import("./port-forwarding.ts");
  writeTargets(paths, changed.id, { ports, target: endpoint && targetOf(endpoint) });
}

/** What a killed run has left. The caller owns the container, whose ports may be another one's by now. */
export async function takeBackPorts(paths: Paths, id: string): Promise<void> {
  using _lock = await lockPorts(paths);
  const isTaken = (port: PublishedPort): boolean =>
    containerIds(paths).some(
      (each) =>
        each !== id &&
        isOwned(paths, each) &&
        publishedPorts(paths, each).some((one) => isSamePort(one, port)),
    );
  unpublishPorts(
    paths,
    publishedPorts(paths, id).filter((port) => !isTaken(port)),
  );
  rmSync(portsPath(paths, id), { force: true });
}

/** A port that is looked at stays whose it is. */
const lockPorts = (paths: Paths) => lock(join(locksDir(paths), "published-ports"));

const isSamePort = (a: PublishedPort, b: PublishedPort): boolean =>
  a.hostPort === b.hostPort && a.protocol === b.protocol && a.hostAddress === b.hostAddress;

const targetOf = ({ address, address6, hostInterface }: Endpoint): PortTarget => ({
  address: address === "" ? undefined : addressPart(address),
  address6: address6 === undefined ? undefined : addressPart(address6),
  subnet: address === "" ? undefined : address,
  subnet6: address6,
  bridge: bridgeOf(hostInterface),
  hostInterface,
});

/**
 * The network by which the host reaches the container: a bridge of its own that is not cut off, and of several the one
 * that answers leave by (default-route.ts).
 */
function outwardNetwork(paths: Paths, subject: Subject): NetworkRecord | undefined {
  return endpointRequests(paths, connections(subject))
    .filter(({ network }) => network.driver === "bridge" && !network.internal)
    .sort(
      (a, b) =>
        (b.options.gatewayPriority ?? 0) - (a.options.gatewayPriority ?? 0) ||
        (a.network.name < b.network.name ? -1 : 1),
    )[0]?.network;
}

/** The container that publishes a port now. */
function publisherOf(paths: Paths, wanted: PublishedPort): string | undefined {
  const isSame = ({ hostPort, protocol, hostAddress }: PublishedPort): boolean =>
    hostPort === wanted.hostPort &&
    protocol === wanted.protocol &&
    (hostAddress === wanted.hostAddress || hostAddress === EVERYWHERE || wanted.hostAddress === EVERYWHERE);
  const id = containerIds(paths).find(
    (each) => publishedPorts(paths, each).some(isSame) && isRunning(readState(paths, each)),
  );
  return id === undefined ? undefined : readRecord(paths, id)?.name;
}

/** The bridge that a link is a port of. */
function bridgeOf(hostInterface: string): string {
  using route = openNetlink(NETLINK_ROUTE);
  const linkOf = (link: string | number) => route.request(getLink(link)).flat().map(decodeLink)[0];
  const bridge = linkOf(linkOf(hostInterface)?.master ?? 0)?.name;
  if (bridge === undefined) throw new Error(`${hostInterface} is no port of a bridge`);
  return bridge;
}
