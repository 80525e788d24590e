/** network create: what was asked for is checked, the rest chosen, the record written, the bridge made. */
import { TsrunError } from "../errors.ts";
import type { NetlinkSocket } from "../kernel/netlink.ts";
import { ensureBridge, linkNamed, openRoute, removeBridge } from "./bridge.ts";
import { ensureParent, removeParent } from "./cable.ts";
import { networkError } from "./failure.ts";
import { forgetLocks } from "./hold.ts";
import { type Cidr, overlaps, parseCidr } from "./ip.ts";
import { bridgeNameOf, parentOf } from "./network-options.ts";
import { askedSubnets, invalid, type NetworkRequest, validateRequest } from "./network-request.ts";
import { BRIDGE } from "./predefined.ts";
import { forgetNetwork, listNetworks, writeNetwork } from "./records.ts";
import { freeSubnet, freeSubnet6, hostClaims, lockNetworks, networkClaims } from "./subnets.ts";
import type { NetworkContext, NetworkDriver, NetworkRecord } from "./types.ts";

type Identity = Pick<NetworkRecord, "id" | "createdAt">;

/** Makes the network; on failure there is none. Returns warnings too, of what keeps it from the outside. */
export async function createNetwork(
  context: NetworkContext,
  request: NetworkRequest,
  { id, createdAt }: Identity,
): Promise<{ network: NetworkRecord; warnings: readonly string[] }> {
  const { paths } = context;
  const driver = validateRequest(request);
  using route = openRoute();
  const network = await addRecord(context, route, { request, driver, id, createdAt });
  try {
    return { network, warnings: await makeLinks(context, route, network) };
  } catch (error) {
    if (driver === "bridge") await removeBridge(paths, route, network);
    else removeParent(route, network);
    forgetNetwork(paths, id);
    forgetLocks(paths, network);
    throw networkError(`creating network ${network.name}`, error);
  }
}

/** Names and subnets are unique because one process at a time gives them out. */
async function addRecord(
  context: NetworkContext,
  route: NetlinkSocket,
  { request, driver, id, createdAt }: Identity & { request: NetworkRequest; driver: NetworkDriver },
): Promise<NetworkRecord> {
  const { paths } = context;
  using _lock = await lockNetworks(paths);
  const { name, internal = false, enableIpv4 = true, enableIpv6 = false } = request;
  const asked = askedSubnets(request);
  const options = request.options ?? {};
  const others = listNetworks(paths);
  if (others.some((other) => other.name === name))
    throw conflict(`network with name ${name} already exists`, `tsrun network inspect ${name} shows it`);
  const claims = networkClaims(paths);
  for (const { subnet } of asked) {
    const cidr = parseCidr(subnet);
    if (cidr && claims.some((other) => overlaps(cidr, other)))
      throw conflict("Pool overlaps with other one on this address space", overlapHint(others, cidr));
  }
  const claimed = [...claims, ...hostClaims(route)];
  const awaited = defaultSubnet(context, others, claimed);
  const has = (family: 4 | 6): boolean => asked.some(({ subnet }) => parseCidr(subnet)?.family === family);
  const network: NetworkRecord = {
    version: 1,
    id,
    name,
    driver,
    createdAt,
    subnets: [
      ...(enableIpv4 && !has(4) ? [freeSubnet(context, [...claimed, ...awaited])] : []),
      ...asked.filter(({ subnet }) => !subnet.includes(":")),
      ...(enableIpv6 && !has(6) ? [freeSubnet6(claimed)] : []),
      ...asked.filter(({ subnet }) => subnet.includes(":")),
    ],
    // Without a parent a macvlan network has no way out.
    internal: internal || (driver === "macvlan" && parentOf({ id, options }) === undefined),
    enableIpv4,
    enableIpv6,
    attachable: request.attachable ?? false,
    labels: request.labels ?? {},
    options,
    ipamOptions: request.ipamOptions ?? {},
  };
  const bridge = bridgeNameOf(network);
  const same = others.find(
    (other) => other.driver === "bridge" && other.id !== BRIDGE.id && bridgeNameOf(other) === bridge,
  );
  if (driver === "bridge" && same !== undefined) {
    const both = `cannot create network ${id} (${bridge}): conflicts with network ${same.id} (${bridge})`;
    throw conflict(`${both}: networks have same bridge name`, `network ${same.name} has it`);
  }
  writeNetwork(paths, network);
  return network;
}

/** The subnet that the default network is to have once a container needs it: the first one, as everybody knows it. */
function defaultSubnet(
  context: NetworkContext,
  all: readonly NetworkRecord[],
  claimed: readonly Cidr[],
): Cidr[] {
  const chosen = all.some(({ id, subnets }) => id === BRIDGE.id && subnets.length > 0);
  return chosen ? [] : [parseCidr(freeSubnet(context, claimed).subnet)].flatMap((cidr) => cidr ?? []);
}

/** Returns warnings. */
async function makeLinks(
  context: NetworkContext,
  route: NetlinkSocket,
  network: NetworkRecord,
): Promise<readonly string[]> {
  if (network.driver === "bridge") return (await ensureBridge(context, route, network)).warnings;
  const parent = parentOf(network);
  if (parent === "lo") throw invalid("loopback interface is not a valid macvlan parent link");
  if (parent !== undefined && linkNamed(route, parent) === undefined)
    throw invalid(`the parent interface ${parent} does not exist`, "`ip link` lists the host's links");
  ensureParent(context.paths, route, network);
  return [];
}

function overlapHint(others: readonly NetworkRecord[], cidr: Cidr): string {
  const holder = others.find(({ subnets }) =>
    subnets.some(({ subnet }) => overlaps(cidr, parseCidr(subnet) ?? cidr)),
  );
  return `network ${holder?.name} has ${holder?.subnets.map(({ subnet }) => subnet).join(", ")}`;
}

function conflict(message: string, hint: string): TsrunError {
  return new TsrunError("ERR_TSRUN_NETWORK_CONFLICT", message, { hint });
}
