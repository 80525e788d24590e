/** The checks of what a container's options ask of networks, in docker's words; nothing is made before they pass. */
import { TsrunError } from "../errors.ts";
import { validateAddresses } from "../network/addresses.ts";
import { BRIDGE, isUserDefined } from "../network/predefined.ts";
import { resolveNetwork } from "../network/records.ts";
import type { EndpointOptions, NetworkRecord } from "../network/types.ts";
import type { Paths } from "../store/paths.ts";
import {
  hasOwnNetwork,
  joinedContainer,
  joinedMode,
  networkMode,
  requestedEndpoints,
} from "./network-mode.ts";
import { resolveContainer } from "./records.ts";
import type { ContainerOptions } from "./types.ts";

/** The options with networks and containers as they are found by their names: what is written down. */
export function resolveNetworking(
  paths: Paths,
  options: ContainerOptions,
): { options: ContainerOptions; endpoints: EndpointOptions[] } {
  refuseConflicts(options);
  const joined = joinedContainer(options);
  if (joined !== undefined) {
    const { id } = resolveContainer(paths, joined);
    return { options: { ...options, network: joinedMode(id) }, endpoints: [] };
  }
  const endpoints = requestedEndpoints(options).map((endpoint) => resolveEndpoint(paths, endpoint));
  const ids = endpoints.map(({ networkId }) => networkId);
  const twice = endpoints.find(({ networkId }, at) => ids.indexOf(networkId) !== at);
  if (twice !== undefined) throw conflict(`network "${twice.network}" is specified multiple times`);
  return { options, endpoints };
}

/** Checks one connection against its network. Links are by id from now on: their containers may be renamed. */
export function resolveEndpoint(paths: Paths, endpoint: EndpointOptions): EndpointOptions {
  if (endpoint.networkId === BRIDGE.id && Object.keys(endpoint).length === 2) return endpoint;
  const network = resolveNetwork(paths, endpoint.networkId ?? endpoint.network);
  validateEndpoint(network, endpoint);
  const links = endpoint.links?.map((link) => {
    const { record, alias } = linkTarget(paths, link);
    return `${record.id}:${alias}`;
  });
  return { ...endpoint, network: network.name, networkId: network.id, ...(links && { links }) };
}

function validateEndpoint(network: NetworkRecord, endpoint: EndpointOptions): void {
  const { aliases = [], links = [], macAddress, linkLocalAddresses = [] } = endpoint;
  const isOwn = network.driver === "bridge" || network.driver === "macvlan";
  if (aliases.length > 0 && !isUserDefined(network))
    throw conflict("network-scoped aliases are only supported for user-defined networks");
  if (links.length > 0 && !isOwn) {
    throw conflict(
      `conflicting options: ${network.name} type networking can't be used with links. This would result in undefined behavior`,
    );
  }
  if ((macAddress !== undefined || linkLocalAddresses.length > 0) && !isOwn)
    throw conflict(
      `conflicting options: ${macAddress ? "mac-address" : "link-local-ip"} and the network mode`,
    );
  validateAddresses(network, endpoint);
}

/** The container behind "CONTAINER[:ALIAS]", and what it is to be called. */
export function linkTarget(paths: Paths, link: string) {
  const [name = "", alias = name] = link.split(":");
  try {
    return { record: resolveContainer(paths, name), alias };
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    throw new TsrunError(error.code, `could not get container for ${name}: ${error.message}`, {
      hint: "--link takes the name of a container that is there",
      cause: error,
    });
  }
}

/** What a container cannot say for itself that shares another's network, or the host's. */
function refuseConflicts(options: ContainerOptions): void {
  const { hostname, dns, extraHosts, endpoints = [] } = options;
  if (endpoints.length > 1) {
    const modes = endpoints.map(({ network }) => network);
    if (modes.some((mode) => !hasOwnNetwork({ network: mode }) || mode === "none")) {
      throw conflict(
        "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
      );
    }
  }
  if (joinedContainer(options) === undefined) return;
  const [endpoint] = endpoints;
  if (networkMode(options) === joinedMode("")) throw conflict("invalid container format container:<name|id>");
  const said: [boolean, string][] = [
    [Boolean(hostname), "hostname and the network mode"],
    [
      (endpoint?.links ?? []).length > 0,
      "container type network can't be used with links. This would result in undefined behavior",
    ],
    [(dns ?? []).length > 0, "dns and the network mode"],
    [(extraHosts ?? []).length > 0, "custom host-to-IP mapping and the network mode"],
    [endpoint?.macAddress !== undefined, "mac-address and the network mode"],
    [(endpoint?.aliases ?? []).length > 0, "network-alias and the network mode"],
    [
      endpoint?.ipv4Address !== undefined || endpoint?.ipv6Address !== undefined,
      "ip address and the network mode",
    ],
  ];
  const found = said.find(([given]) => given);
  if (found) throw conflict(`conflicting options: ${found[1]}`);
}

function conflict(message: string): TsrunError {
  return new TsrunError("ERR_TSRUN_OPTION_CONFLICT", message, {
    hint: "leave out one of the two",
  });
}
