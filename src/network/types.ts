/** What the network tells about a container's connection, and what it needs to know to make one. */
import type { Config } from "../config.ts";
import type { NetworkNamespace } from "../kernel/netns.ts";
import type { Paths } from "../store/paths.ts";

export interface NetworkContext {
  readonly paths: Paths;
  readonly config: Pick<Config, "default-address-pools">;
}

/** One container's connection; the engine keeps it in the container's state. */
export interface NetworkState {
  /** "bridge". */
  name: string;
  /** CIDR of the container's interface: "172.17.0.2/16". */
  address: string;
  gateway: string;
  /** "02:42:ac:11:00:02". */
  macAddress: string;
  /** The host's end of the veth pair: "veth1a2b3c4". */
  hostInterface: string;
}

export interface AttachRequest {
  containerId: string;
  netns: NetworkNamespace;
  isAlive: IsAlive;
}

export interface Attachment {
  state: NetworkState;
  /** The symbolic link that reserves the address. */
  leasePath: string;
  /** For the user: what keeps containers from the outside. */
  warnings: readonly string[];
}

/**
 * Whether the container that holds an address may still be using it. It must answer true from before its
 * attachToBridge() is called until release(); the addresses of others are given away.
 */
export type IsAlive = (containerId: string) => boolean;
