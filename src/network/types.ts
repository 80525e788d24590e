/** Networks and the connections of containers to them, as data. */
import type { Config } from "../config.ts";
import type { NetworkNamespace } from "../kernel/netns.ts";
import type { Paths } from "../store/paths.ts";

export interface NetworkContext {
  readonly paths: Paths;
  readonly config: Pick<Config, "default-address-pools">;
}

export type NetworkDriver = "bridge" | "macvlan" | "host" | "null";

/** A range of addresses that a network gives to its containers; all texts are addresses or CIDR notation. */
export interface NetworkSubnet {
  readonly subnet: string;
  /** The host's own address in it; of a macvlan network, and then only if asked for, another machine's. */
  readonly gateway?: string;
  /** Containers get addresses of this part of the subnet. */
  readonly ipRange?: string;
  /** Addresses that are never given away, by the names of those that have them (--aux-address). */
  readonly reserved?: Readonly<Record<string, string>>;
  /** Named by the user, and not chosen from the pools. */
  readonly asked: boolean;
}

/** <root>/networks/<id>/config.json: a network from its creation to its removal; it never changes. */
export interface NetworkRecord {
  readonly version: 1;
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: NetworkDriver;
  /** RFC 3339 with nanoseconds. */
  readonly createdAt: string;
  /** At most one of IPv4, and after it at most one of IPv6. */
  readonly subnets: readonly NetworkSubnet[];
  /** Its containers reach each other and the host, and nothing else. */
  readonly internal: boolean;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  readonly attachable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** `-o`, as given: com.docker.network.bridge.name, … (network-options.ts reads them). */
  readonly options: Readonly<Record<string, string>>;
  readonly ipamOptions: Readonly<Record<string, string>>;
}

/** What a user asks of one connection of a container to a network. */
export interface EndpointOptions {
  /** The network's name, as it was when the container was connected. */
  network: string;
  /** Set once the network has been found. */
  networkId?: string;
  ipv4Address?: string;
  ipv6Address?: string;
  /** Further addresses of the interface, in 169.254.0.0/16 or fe80::/10. */
  linkLocalAddresses?: string[];
  macAddress?: string;
  /** Names that the container has on this network beside its own. */
  aliases?: string[];
  /** "CONTAINER[:ALIAS]": names of other containers, for this one alone; "ID:ALIAS" once they have been found. */
  links?: string[];
  driverOptions?: Record<string, string>;
  /** The highest provides the default route; among equals the first name by its letters. */
  gatewayPriority?: number;
}

/**
 * <run>/networks/<network id>/endpoints/<container id>.json: one container's connection to one network, written before
 * the container's process starts, replaced when the container is renamed, removed at its end. endpoints.ts reads and
 * writes them.
 */
export interface Endpoint {
  readonly endpointId: string;
  readonly networkId: string;
  readonly network: string;
  readonly driver: NetworkDriver;
  readonly containerId: string;
  /** The container's name. */
  readonly name: string;
  /** The names by which others on this network may call it, beside `name`; its short id is not among them. */
  readonly aliases: readonly string[];
  /** "ID:ALIAS", for this container alone. */
  readonly links: readonly string[];
  /** CIDR of the container's interface: "172.17.0.2/16"; "" on a network of IPv6 alone. */
  readonly address: string;
  readonly address6?: string;
  /** What leads out of the network; "" where nothing does (an internal one). */
  readonly gateway: string;
  readonly gateway6?: string;
  /** "02:42:ac:11:00:02". */
  readonly macAddress: string;
  /** Its name in the container: "eth0". */
  readonly interface: string;
  /** The host's end of the veth pair, "veth1a2b3c4"; the parent's name where there is no pair (macvlan). */
  readonly hostInterface: string;
}

/** A connection to make. */
export interface EndpointRequest {
  readonly network: NetworkRecord;
  readonly options: EndpointOptions;
}

export interface AttachRequest {
  containerId: string;
  containerName: string;
  netns: NetworkNamespace;
  /** In the order of the container's interfaces: eth0, eth1, … */
  endpoints: readonly EndpointRequest[];
  isAlive: IsAlive;
}

export interface Attachment {
  endpoints: Endpoint[];
  /** The files that stand for the connections, addresses among them: to be removed at the container's end. */
  files: string[];
  /** For the user: what keeps containers from the outside. */
  warnings: readonly string[];
}

/**
 * Whether the container that holds an address may still be using it. It must answer true from before its attach() is
 * called until release(); the addresses of others are given away.
 */
export type IsAlive = (containerId: string) => boolean;
