/** Ports of a container that the host passes on to it. */

export type PortProtocol = "tcp" | "udp" | "sctp";

/** What `-p` asks for. */
export interface PortRequest {
  /** 1 … 65535. */
  containerPort: number;
  protocol: PortProtocol;
  /** Of the host, IPv4 or IPv6; all of them by default. */
  hostAddress?: string;
  /** Of the host, the first free one of them; any free one by default. */
  hostPorts?: { first: number; last: number };
}

/** What it became. */
export interface PublishedPort {
  containerPort: number;
  protocol: PortProtocol;
  /** "0.0.0.0" and "::" are all addresses of the host. */
  hostAddress: string;
  hostPort: number;
}

/** "80/tcp". */
export const portName = ({ containerPort, protocol }: { containerPort: number; protocol: string }): string =>
  `${containerPort}/${protocol}`;
