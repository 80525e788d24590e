import type { NetworkGraph } from "../../network/graph/types.ts";
import type { NetworkRequest } from "../../network/network-request.ts";
import type { Endpoint, EndpointOptions, NetworkRecord } from "../../network/types.ts";

/** Networks, and the containers on them. */
export interface NetworksApi {
  /** Makes a network; subnets that are not named are chosen from the address pools. */
  create(request: NetworkRequest): Promise<{ id: string; warnings: readonly string[] }>;
  /** By name. */
  list(): Promise<NetworkSummary[]>;
  /** By id, unique id prefix or name. */
  inspect(network: string): Promise<NetworkDetails>;
  /** The path of its packets, link by link and rule by rule, as the kernel has it now. */
  graph(network: string): Promise<NetworkGraph>;
  /** Refuses while a container that runs is on it. */
  remove(network: string): Promise<void>;
  /** Removes all networks that nobody is on; returns their names. */
  prune(options?: PruneNetworksOptions): Promise<string[]>;
  /** Puts a container on one more network, at once where it runs. */
  connect(container: string, options: EndpointOptions): Promise<{ warnings: readonly string[] }>;
  disconnect(container: string, options: { network: string; force?: boolean }): Promise<void>;
  /** Answers what containers ask of their name server; `listenerFd` is the socket that their monitors connect to. */
  serveNames(listenerFd: number): Promise<void>;
}

export interface NetworkSummary extends NetworkRecord {
  /** Ids of those that run and are on it; nothing is kept of who is on host and none. */
  containers: string[];
}

export interface NetworkDetails {
  network: NetworkRecord;
  /** Of host and none the container and its name alone. */
  containers: (Pick<Endpoint, "containerId" | "name" | "endpointId" | "macAddress" | "address"> &
    Partial<Endpoint>)[];
}

export interface PruneNetworksOptions {
  /** Which of those that nobody is on; all by default. */
  matches?: (network: NetworkSummary) => boolean;
}
