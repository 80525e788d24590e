/** A container's networks and its ports, as docker writes them: "80/tcp". */
import { connections, endpointsOf } from "../engine/network-mode.ts";
import { exposedPorts as portsExposed } from "../engine/published-ports.ts";
import type { ContainerRecord, ContainerSummary, EndpointOptions, PublishedPort } from "../engine/types.ts";
import { portName } from "../network/ports/types.ts";

export const containerEndpoints = (record: ContainerRecord): EndpointOptions[] => endpointsOf(record);

/** The names of its networks; those of one that shares another container's are that one's. */
export const networksOf = (record: ContainerRecord): string[] =>
  endpointsOf(record).map(({ network }) => network);

/** Whether a network of it is meant by a name, or by an id or its beginning. */
export const isOnNetwork = (record: ContainerRecord, wanted: string): boolean =>
  endpointsOf(record).some(
    ({ network, networkId }) =>
      network === wanted || (/^[0-9a-f]{4,64}$/.test(wanted) && networkId?.startsWith(wanted)),
  );

/** "80/tcp" of what image and options say that its program listens on, by number. */
export const exposedPorts = (record: ContainerRecord): string[] => portsExposed(record);

/** "0.0.0.0:8080", "[::]:8080". */
export const hostPart = ({ hostAddress, hostPort }: PublishedPort): string =>
  `${hostAddress.includes(":") ? `[${hostAddress}]` : hostAddress}:${hostPort}`;

/** As `ps` shows them: "0.0.0.0:8080->80/tcp", then those that are exposed only. */
export function shownPorts(summary: ContainerSummary): string[] {
  const published = publishedOf(summary);
  const names = new Set(published.map(portName));
  return [
    ...published.map((port) => `${hostPart(port)}->${portName(port)}`),
    ...reachablePorts(summary).filter((name) => !names.has(name)),
  ];
}

/** By the container's port, IPv4 first. */
export const publishedOf = ({ state }: ContainerSummary): PublishedPort[] =>
  [...(state.ports ?? [])].sort(
    (a, b) =>
      a.containerPort - b.containerPort ||
      a.protocol.localeCompare(b.protocol) ||
      Number(a.hostAddress.includes(":")) - Number(b.hostAddress.includes(":")),
  );

/** Those that others on its network can reach now. */
export function reachablePorts({ record, state }: ContainerSummary): string[] {
  return state.status === "running" && connections(record).length > 0 ? exposedPorts(record) : [];
}

/**
 * Docker's notation of ports in filters: "80", "8000-8080", each with "/tcp" (which is meant without it), "/udp" or
 * "/sctp". Returns whether a port is meant; throws on anything else.
 */
export function parsePortRange(text: string): (port: string) => boolean {
  const [, first, last = first, protocol = "tcp"] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === undefined || from > to || from < 1 || to > 65535) throw new Error(`invalid port: ${text}`);
  return (port) => {
    const [number, its] = port.split("/");
    return its === protocol && Number(number) >= from && Number(number) <= to;
  };
}
