/**
 * Connects containers to networks: addresses, a link with one end in the container's network namespace, and there an
 * up loopback, the addresses and a default route.
 *
 * Four sends to the kernel carry the connection to a bridge that is ready. The links go with the namespace, so all
 * that release() has to give back are files: the addresses, and the documents that tell who is on a network.
 */
import type { NetlinkSocket } from "../kernel/netlink.ts";
import { AF_INET, AF_INET6 } from "../kernel/netlink-address.ts";
import { decodeLink, deleteLink, listLinks } from "../kernel/netlink-link.ts";
import type { NetworkNamespace } from "../kernel/netns.ts";
import { randomBytes } from "../kernel/random.ts";
import { isRootless } from "../kernel/rootless.ts";
import type { Paths } from "../store/paths.ts";
import { type Addresses, takeAddresses } from "./addresses.ts";
import { ensureBridge, openRoute } from "./bridge.ts";
import { ensureParent, type Plug, plugIntoBridge, plugIntoParent } from "./cable.ts";
import { chooseWay, setDefaultRoutes, wayOf } from "./default-route.ts";
import { readEndpoint, removeEndpoint, writeEndpoint } from "./endpoints.ts";
import { networkError } from "./failure.ts";
import { holdNetwork } from "./hold.ts";
import { configureInterface } from "./interface.ts";
import { releaseLeases } from "./leases.ts";
import { interfacePrefixOf } from "./network-options.ts";
import type {
  Attachment,
  AttachRequest,
  Endpoint,
  EndpointOptions,
  EndpointRequest,
  NetworkContext,
  NetworkRecord,
  NetworkSubnet,
} from "./types.ts";

const INTERFACE_NAME = "com.docker.network.endpoint.ifname";

/** Connects a container that is about to start to all its networks. On failure nothing is left: no lease, no link. */
export async function attach(context: NetworkContext, request: AttachRequest): Promise<Attachment> {
  using route = openRoute();
  const ways = request.endpoints.map((endpoint) => wayAhead(endpoint));
  const first = [chooseWay(ways, AF_INET), chooseWay(ways, AF_INET6)];
  const result: Attachment & { warnings: string[] } = { endpoints: [], files: [], warnings: [] };
  try {
    for (const [number, endpoint] of request.endpoints.entries()) {
      const isFirst = first.map((way) => way !== undefined && way === ways[number]);
      const one = await connect(context, { ...request, route, endpoint, number, isFirst });
      result.endpoints.push(one.endpoint);
      result.files.push(...one.files);
      result.warnings.push(...one.warnings);
    }
    return result;
  } catch (error) {
    for (const endpoint of result.endpoints) await disconnect(context.paths, route, endpoint);
    throw error;
  }
}

/** Connects a container that runs to one more network; `others` are its connections so far. */
export async function attachLive(
  context: NetworkContext,
  request: Omit<AttachRequest, "endpoints">,
  { endpoint, others }: { endpoint: EndpointRequest; others: readonly EndpointRequest[] },
): Promise<Attachment> {
  using route = openRoute();
  const prefix = interfacePrefixOf(endpoint.network);
  const taken = new Set(request.netns.route.dump(listLinks()).map((message) => decodeLink(message).name));
  let number = 0;
  while (taken.has(`${prefix}${number}`)) number++;
  const one = await connect(context, { ...request, route, endpoint, number, isFirst: [false, false] });
  try {
    routeAgain(context.paths, request, [...others, endpoint]);
  } catch (error) {
    await disconnect(context.paths, route, one.endpoint);
    throw networkError(`connecting the container to network ${endpoint.network.name}`, error);
  }
  return { endpoints: [one.endpoint], files: one.files, warnings: one.warnings };
}

/** Takes a running container off a network; `others` are the connections that it keeps. */
export async function detachLive(
  context: NetworkContext,
  request: { containerId: string; netns: NetworkNamespace },
  { endpoint, others }: { endpoint: Endpoint; others: readonly EndpointRequest[] },
): Promise<void> {
  using route = openRoute();
  request.netns.route.attempt(deleteLink(endpoint.interface));
  await disconnect(context.paths, route, endpoint);
  routeAgain(context.paths, request, others);
}

/** Gives back the container's addresses on these networks; its links went with its namespace. */
export async function release(
  { paths }: Pick<NetworkContext, "paths">,
  containerId: string,
  networkIds: Iterable<string>,
): Promise<void> {
  for (const networkId of networkIds) {
    removeEndpoint(paths, networkId, containerId);
    await releaseLeases(paths, networkId, containerId);
  }
}

interface Connection extends Omit<AttachRequest, "endpoints"> {
  route: NetlinkSocket;
  endpoint: EndpointRequest;
  /** Of the interface: 0 for eth0. */
  number: number;
  /** Whether it leads out of the container, for IPv4 and IPv6. */
  isFirst: readonly boolean[];
}

interface Connected {
  endpoint: Endpoint;
  files: string[];
  warnings: readonly string[];
}

/** One network; on failure nothing is left of the connection. */
async function connect(context: NetworkContext, connection: Connection): Promise<Connected> {
  const { paths } = context;
  const { route, containerId, netns, isAlive, number } = connection;
  const { network, options } = connection.endpoint;
  using _held = await holdNetwork(paths, network);
  const wire = await wireOf(context, route, network);
  const undo: (() => void)[] = [];
  try {
    const lessee = { network: network.id, networkName: network.name, containerId, isAlive };
    const addresses = await takeAddresses(paths, lessee, { subnets: wire.subnets, options });
    const name = options.driverOptions?.[INTERFACE_NAME] ?? `${interfacePrefixOf(network)}${number}`;
    const plug = { containerId, name, netns: netns.fd, macAddress: addresses.macAddress };
    const hostInterface = wire.plugIn(plug);
    undo.push(() => wire.unplug(hostInterface));
    const endpoint = endpointOf(connection, wire.subnets, { addresses, name, hostInterface });
    configureInterface(netns.route, endpoint, { isFirst: connection.isFirst, options });
    const file = writeEndpoint(paths, endpoint);
    return { endpoint, files: [...addresses.leases, file], warnings: wire.warnings };
  } catch (error) {
    for (const step of undo) step();
    await releaseLeases(paths, network.id, containerId);
    throw networkError(`connecting the container to network ${network.name}`, error);
  }
}

/** What a network's driver has for its containers to be plugged into. */
interface Wire {
  subnets: readonly NetworkSubnet[];
  warnings: readonly string[];
  /** Returns the host's end. */
  plugIn(plug: Plug): string;
  unplug(hostInterface: string): void;
}

async function wireOf(context: NetworkContext, route: NetlinkSocket, network: NetworkRecord): Promise<Wire> {
  if (network.driver === "macvlan") {
    const parent = ensureParent(context.paths, route, network);
    return {
      subnets: network.subnets,
      warnings: [],
      plugIn: (plug) => plugIntoParent(route, { network, parent }, plug),
      unplug: () => {}, // it goes with its namespace
    };
  }
  const bridge = await ensureBridge(context, route, network);
  const leadsOut = isRootless() && !network.internal;
  return {
    subnets: bridge.subnets,
    warnings: [
      ...bridge.warnings,
      ...(leadsOut ? await (await import("./outside.ts")).ensureOutside(route) : []),
    ],
    plugIn: (plug) => plugIntoBridge(route, { network, bridge }, plug),
    unplug: (hostInterface) => route.attempt(deleteLink(hostInterface)),
  };
}

function endpointOf(
  { containerId, containerName, endpoint: { network, options } }: Connection,
  subnets: readonly NetworkSubnet[],
  made: { addresses: Addresses; name: string; hostInterface: string },
): Endpoint {
  const gatewayOf = (isIpv6: boolean): string | undefined =>
    network.internal ? undefined : subnets.find(({ subnet }) => subnet.includes(":") === isIpv6)?.gateway;
  const { address, address6, macAddress } = made.addresses;
  const gateway6 = gatewayOf(true);
  return {
    endpointId: randomBytes(32).toString("hex"),
    networkId: network.id,
    network: network.name,
    driver: network.driver,
    containerId,
    name: containerName,
    aliases: options.aliases ?? [],
    links: options.links ?? [],
    address,
    ...(address6 !== undefined && { address6 }),
    gateway: gatewayOf(false) ?? "",
    ...(gateway6 !== undefined && { gateway6 }),
    macAddress,
    interface: made.name,
    hostInterface: made.hostInterface,
  };
}

async function disconnect(paths: Paths, route: NetlinkSocket, endpoint: Endpoint): Promise<void> {
  const { networkId, containerId, driver, hostInterface } = endpoint;
  // A macvlan network's is the parent of them all.
  if (driver === "bridge") route.attempt(deleteLink(hostInterface));
  removeEndpoint(paths, networkId, containerId);
  await releaseLeases(paths, networkId, containerId);
}

/** Lets the connections that a running container has now decide which of them leads out. */
function routeAgain(
  paths: Paths,
  { containerId, netns }: { containerId: string; netns: NetworkNamespace },
  endpoints: readonly EndpointRequest[],
): void {
  const ways = endpoints.flatMap(({ network, options }) => {
    const endpoint = readEndpoint(paths, network.id, containerId);
    return endpoint === undefined ? [] : [{ ...wayOf(endpoint, options), interface: endpoint.interface }];
  });
  setDefaultRoutes(netns.route, ways);
}

/** What is known of the way before the network's bridge is looked at: whether there is one. */
function wayAhead({ network, options }: { network: NetworkRecord; options: EndpointOptions }) {
  const leadsOut = (enabled: boolean): string | undefined =>
    enabled && !network.internal ? "gateway" : undefined;
  const gateway6 = leadsOut(network.enableIpv6);
  return {
    ...wayOf({ network: network.name, gateway: leadsOut(network.enableIpv4) ?? "" }, options),
    gateway6,
  };
}
