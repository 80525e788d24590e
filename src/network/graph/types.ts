/**
 * The path of a packet between a network's containers and the world, as the kernel has it: links, addresses and routes
 * by rtnetlink, in the containers' namespaces and the host's, and the rules of nftables. tsrun's own documents only say
 * who is to be looked at.
 */
import type { PortProtocol } from "../ports/types.ts";
import type { NetworkDriver } from "../types.ts";

export interface NetworkGraph {
  readonly id: string;
  readonly name: string;
  readonly driver: NetworkDriver;
  readonly internal: boolean;
  readonly containers: readonly GraphContainer[];
  /** The bridge, or the host's link below a macvlan network; undefined where no container has needed it yet. */
  readonly bridge: GraphLink | undefined;
  /** Ports of the bridge that lead to none of `containers`. */
  readonly otherPorts: readonly string[];
  /** In the order in which a packet meets them; none of a network without a bridge. */
  readonly chains: readonly GraphChain[];
  readonly host: GraphHost;
}

export interface GraphContainer {
  readonly id: string;
  readonly name: string;
  /** On the host. */
  readonly pid: number;
  /** "net:[4026532281]", as /proc/PID/ns/net has it. */
  readonly namespace: string;
  /** Its end of the cable; undefined where the kernel has none that leads to the network. */
  readonly interface: GraphLink | undefined;
  /** The other end, a port of the bridge. */
  readonly hostLink: GraphLink | undefined;
  /** All that its namespace has. */
  readonly routes: readonly GraphRoute[];
  /** The ports of the host that the rules lead to its addresses. */
  readonly ports: readonly GraphPort[];
}

export interface GraphLink {
  readonly index: number;
  readonly name: string;
  readonly kind: string | undefined;
  readonly up: boolean;
  readonly macAddress: string | undefined;
  readonly mtu: number | undefined;
  /** CIDR. */
  readonly addresses: readonly string[];
}

export interface GraphRoute {
  /** CIDR, or "default". */
  readonly destination: string;
  readonly gateway: string | undefined;
  /** A link's name. */
  readonly device: string | undefined;
}

export interface GraphChain {
  /** Of family inet. */
  readonly table: string;
  readonly name: string;
  /** What the kernel calls it at, directly or by the chain `from`. */
  readonly hook: string;
  /** The chain that jumps here: where packets of this network come from. */
  readonly from: string | undefined;
  /** The elements of that chain's maps that name this one. */
  readonly by: readonly string[];
  readonly rules: readonly string[];
}

export interface GraphPort {
  readonly protocol: PortProtocol;
  /** "0.0.0.0", "::" for all. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly address: string;
  readonly port: number;
  /** The table and the map that have it as an element, and the element. */
  readonly table: string;
  readonly map: string;
  readonly element: string;
}

export interface GraphHost {
  /** Whether it passes packets on: net.ipv4.ip_forward, net.ipv6.conf.all.forwarding. */
  readonly forwarding: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** Its default routes. */
  readonly routes: readonly GraphRoute[];
  /** The links that those leave by. */
  readonly links: readonly GraphLink[];
}
