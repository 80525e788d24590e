/** Publishing the ports of a container: taken before it starts, passed on when it is connected. Loaded where there are any. */
import { rmSync } from "node:fs";
import { NETLINK_ROUTE, openNetlink } from "../kernel/netlink.ts";
import { decodeLink, getLink } from "../kernel/netlink-link.ts";
import { addressPart } from "../network/ip.ts";
import { hostBindingOf } from "../network/network-options.ts";
import { bypassWarnings } from "../network/ports/bypass.ts";
import { publishPorts, unpublishPorts } from "../network/ports/publish.ts";
import { type Reservation, reservePorts } from "../network/ports/reserve.ts";
import type { PublishedPort } from "../network/ports/types.ts";
import type { Endpoint, NetworkRecord } from "../network/types.ts";
import type { MonitorPorts } from "../runtime/launch.ts";
import { writeDocument } from "../store/documents.ts";
import type { Paths } from "../store/paths.ts";
import { endpointRequests } from "./container-networks.ts";
import type { EngineContext } from "./context.ts";
import { connections, networkMode } from "./network-mode.ts";
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
  const network = outwardNetwork(context.paths, subject);
  if (network === undefined) return undefined;
  const first = hostBindingOf(network) ?? context.config.ip ?? EVERYWHERE;
  const addresses = first === EVERYWHERE && network.enableIpv6 ? [EVERYWHERE, EVERYWHERE6] : [first];
  return reservePorts(requests, { addresses, publisher: (port) => publisherOf(context.paths, port) });
}

export interface PreparedPorts {
  /** What the container's monitor has of them; undefined where they lead nowhere. */
  monitor?: MonitorPorts;
  /** To be removed at the container's end. */
  files: string[];
  warnings: string[];
}

/** Passes the ports on to a container that has just been connected. */
export async function publishContainerPorts(
  { paths }: EngineContext,
  record: ContainerRecord,
  { reservation, endpoints }: { reservation: Reservation | undefined; endpoints: readonly Endpoint[] },
): Promise<PreparedPorts> {
  if (reservation === undefined) return { files: [], warnings: [discarded(record)] };
  const network = outwardNetwork(paths, record);
  const endpoint = endpoints.find(({ networkId }) => networkId === network?.id);
  if (endpoint === undefined) throw new Error(`container ${record.id} is not on ${network?.name}`);
  const file = portsPath(paths, record.id);
  // First what is to be taken back, then what is to be taken back of it.
  writeDocument(file, reservation.ports, { durable: false });
  const farewell = await publishPorts(paths, reservation.ports, {
    address: endpoint.address === "" ? undefined : addressPart(endpoint.address),
    address6: endpoint.address6 === undefined ? undefined : addressPart(endpoint.address6),
    subnet: endpoint.address === "" ? undefined : endpoint.address,
    subnet6: endpoint.address6,
    bridge: bridgeOf(endpoint.hostInterface),
    hostInterface: endpoint.hostInterface,
  });
  return {
    monitor: { fds: reservation.fds, farewell },
    files: [file],
    warnings: bypassWarnings(paths, reservation.ports),
  };
}

const discarded = ({ options }: ContainerRecord): string =>
  `Published ports are discarded: the network ${networkMode(options)} leads to no bridge of this host`;

/** The caller owns the container, whose ports may have been published by another one since. */
export function takeBackPorts(paths: Paths, id: string): void {
  const left = publishedPorts(paths, id).filter((port) => publisherOf(paths, port, id) === undefined);
  unpublishPorts(paths, left);
  rmSync(portsPath(paths, id), { force: true });
}

/** The network by which the host reaches the container: a bridge of its own that is not cut off. */
function outwardNetwork(paths: Paths, subject: Subject): NetworkRecord | undefined {
  return endpointRequests(paths, connections(subject))
    .map(({ network }) => network)
    .find(({ driver, internal }) => driver === "bridge" && !internal);
}

/** The container, other than `except`, that publishes a port now. */
function publisherOf(paths: Paths, wanted: PublishedPort, except?: string): string | undefined {
  const isSame = ({ hostPort, protocol, hostAddress }: PublishedPort): boolean =>
    hostPort === wanted.hostPort &&
    protocol === wanted.protocol &&
    (hostAddress === wanted.hostAddress || hostAddress === EVERYWHERE || wanted.hostAddress === EVERYWHERE);
  const id = containerIds(paths).find(
    (each) =>
      each !== except && publishedPorts(paths, each).some(isSame) && isRunning(readState(paths, each)),
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
