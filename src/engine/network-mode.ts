/** What kind of network a container has, by `--network`: docker's network mode. */
import { BRIDGE, HOST, isUserDefined, NONE } from "../network/predefined.ts";
import type { ContainerOptions, ContainerRecord, EndpointOptions } from "./types.ts";

type Mode = Pick<ContainerOptions, "network" | "endpoints">;

const CONTAINER = "container:";

/** "bridge", "none", "host", "container:…", or the name of the first network as it was asked for. */
export const networkMode = ({ network = BRIDGE.name }: Mode): string =>
  network === "default" ? BRIDGE.name : network;

export const sharesHostNetwork = (options: Mode): boolean => networkMode(options) === HOST.name;

/** The container whose network it shares; undefined where it does not share one. */
export function joinedContainer(options: Mode): string | undefined {
  const mode = networkMode(options);
  return mode.startsWith(CONTAINER) ? mode.slice(CONTAINER.length) : undefined;
}

export const joinedMode = (container: string): string => `${CONTAINER}${container}`;

/** Whether it has a network namespace of its own. */
export const hasOwnNetwork = (options: Mode): boolean =>
  !sharesHostNetwork(options) && joinedContainer(options) === undefined;

/** The connections that were asked for, one to the mode's network where none was. */
export function requestedEndpoints(options: Mode): EndpointOptions[] {
  if (joinedContainer(options) !== undefined) return [];
  if (options.endpoints !== undefined && options.endpoints.length > 0) return options.endpoints;
  const network = networkMode(options);
  const predefined = [BRIDGE, HOST, NONE].find(({ name }) => name === network);
  return [{ network, ...(predefined && { networkId: predefined.id }) }];
}

/** The connections that a container has now, or will have when it starts. */
export const endpointsOf = (record: Pick<ContainerRecord, "endpoints" | "options">): EndpointOptions[] =>
  record.endpoints ?? requestedEndpoints(record.options);

/** Those that an interface is made for: host and none are networks in name. */
export const connections = (record: Pick<ContainerRecord, "endpoints" | "options">): EndpointOptions[] =>
  hasOwnNetwork(record.options)
    ? endpointsOf(record).filter(({ networkId }) => networkId !== HOST.id && networkId !== NONE.id)
    : [];

/** Whether containers find each other by name there: on networks of the user's own, as with docker. */
export const resolvesNames = ({ networkId }: { networkId?: string | undefined }): boolean =>
  networkId !== undefined && isUserDefined({ id: networkId });

/**
 * Whether a network namespace is made, or found, before the container's Plan runs: any but an empty one that has to be its
 * user namespace's.
 */
export const hasPreparedNetwork = (record: ContainerRecord): boolean =>
  joinedContainer(record.options) !== undefined ||
  connections(record).length > 0 ||
  (hasOwnNetwork(record.options) && record.userNamespace === undefined);
