/**
 * Taking ports of the host. A published port is held by a bound socket for as long as its container runs, so that no
 * other program can take it, nor a program on the host hear what it will never get.
 */
import { closeSync } from "node:fs";
import { TsrunError } from "../../errors.ts";
import { SyscallError } from "../../kernel/errors.ts";
import { type BoundSocket, bindPort, isInUse } from "../../kernel/inet-socket.ts";
import { ipBytes, ipText } from "../../kernel/ip-address.ts";
import { holderOf } from "./holder.ts";
import type { PortRequest, PublishedPort } from "./types.ts";

export interface ReserveOptions {
  /** Where a request names no address: one of IPv4 or IPv6, or all that the container can be reached by. */
  addresses: readonly string[];
  /** Names the container that has published a port. */
  publisher(port: PublishedPort): string | undefined;
}

export interface Reservation extends Disposable {
  readonly ports: readonly PublishedPort[];
  /** The sockets; whoever keeps a copy of them keeps the ports. */
  readonly fds: readonly number[];
}

/** Each is held by a descriptor that is handed to the monitor (native/lib/spawn.c, MAX_FDS). */
const MOST = 900;
/** How often another free port is tried where one is free at one of the host's addresses only. */
const EPHEMERAL_ATTEMPTS = 32;

/**
 * Takes all ports or none. Throws ERR_TSRUN_PORT_TOO_MANY; ERR_TSRUN_PORT_IN_USE, naming who has it; ERR_TSRUN_PORT_ADDRESS where the host has
 * no such address; ERR_TSRUN_PORT_PROTOCOL where its kernel has no such protocol.
 */
export function reservePorts(requests: readonly PortRequest[], options: ReserveOptions): Reservation {
  if (requests.length * options.addresses.length > MOST) {
    throw new TsrunError("ERR_TSRUN_PORT_TOO_MANY", `${requests.length} ports are too many to publish`, {
      hint: `a container can publish ${Math.floor(MOST / options.addresses.length)}; with --network host it has all ports of the host`,
    });
  }
  const ports: PublishedPort[] = [];
  const fds: number[] = [];
  const release = (): void => {
    for (const fd of fds.splice(0)) closeSync(fd);
  };
  try {
    for (const request of requests) {
      const { sockets, addresses } = reserve(request, options);
      for (const [at, { fd, port }] of sockets.entries()) {
        const { containerPort, protocol } = request;
        fds.push(fd);
        ports.push({ containerPort, protocol, hostAddress: addresses[at] as string, hostPort: port });
      }
    }
  } catch (error) {
    release();
    throw error;
  }
  return { ports, fds, [Symbol.dispose]: release };
}

function reserve(
  request: PortRequest,
  options: ReserveOptions,
): { sockets: BoundSocket[]; addresses: readonly string[] } {
  const addresses = request.hostAddress === undefined ? options.addresses : [canonical(request.hostAddress)];
  let refused: Refusal | undefined;
  for (const port of candidates(request)) {
    const sockets = bindEverywhere(request, addresses, port);
    if (Array.isArray(sockets)) return { sockets, addresses };
    refused = sockets;
  }
  throw inUse(request, refused as Refusal, options);
}

/** One address is written in many ways; what is shown and compared is one. */
function canonical(address: string): string {
  const bytes = ipBytes(address);
  if (bytes === undefined) throw new RangeError(`${address} is not an IP address`);
  return ipText(bytes);
}

interface Refusal {
  address: string;
  port: number;
}

/** 0 is any free port. */
function* candidates({ hostPorts }: PortRequest): Generator<number> {
  if (hostPorts === undefined) for (let at = 0; at < EPHEMERAL_ATTEMPTS; at++) yield 0;
  else for (let port = hostPorts.first; port <= hostPorts.last; port++) yield port;
}

/** The same port at every address, or where it is taken. */
function bindEverywhere(
  { protocol }: PortRequest,
  addresses: readonly string[],
  wanted: number,
): BoundSocket[] | Refusal {
  const sockets: BoundSocket[] = [];
  for (const address of addresses) {
    const port = sockets[0]?.port ?? wanted;
    try {
      sockets.push(bindPort(protocol, address, port));
    } catch (error) {
      for (const { fd } of sockets) closeSync(fd);
      if (isInUse(error)) return { address, port };
      throw explained(error, protocol, address);
    }
  }
  return sockets;
}

function inUse(
  { hostPorts, protocol, containerPort }: PortRequest,
  at: Refusal,
  options: ReserveOptions,
): TsrunError {
  const { address, port } = at;
  const isRange = hostPorts !== undefined && hostPorts.last > hostPorts.first;
  const where = address.includes(":") ? `[${address}]` : address;
  const asked = isRange ? `${hostPorts.first}-${hostPorts.last}` : port;
  const container = options.publisher({ containerPort, protocol, hostAddress: address, hostPort: port });
  const holder =
    container === undefined ? holderOf({ protocol, port }) : `container ${container} publishes it`;
  return new TsrunError(
    "ERR_TSRUN_PORT_IN_USE",
    `Bind for ${where}:${asked} failed: port is already allocated`,
    {
      hint: `${holder ?? "a program on this host uses it"}${isRange ? ", and the others of the range are taken too" : ""}; choose another port, or none for any free one`,
    },
  );
}

function explained(error: unknown, protocol: string, address: string): unknown {
  if (!(error instanceof SyscallError)) return error;
  if (error.code === "EADDRNOTAVAIL") {
    return new TsrunError(
      "ERR_TSRUN_PORT_ADDRESS",
      `cannot publish on ${address}: no interface of this host has that address`,
      {
        hint: "`ip address` lists those it has; without an address a port is published on all of them",
        cause: error,
      },
    );
  }
  if (error.code === "EACCES") {
    return new TsrunError(
      "ERR_TSRUN_PORT_PRIVILEGED",
      `cannot publish a port below 1024 of ${address}: they are root's`,
      {
        hint: "choose a higher one, or let everybody have them: sudo sysctl -w net.ipv4.ip_unprivileged_port_start=0",
        cause: error,
      },
    );
  }
  if (error.code === "EPROTONOSUPPORT" || error.code === "EAFNOSUPPORT") {
    return new TsrunError("ERR_TSRUN_PORT_PROTOCOL", `this kernel has no ${protocol} at ${address}`, {
      hint: protocol === "sctp" ? "load it with `modprobe sctp`" : "is IPv6 switched off (ipv6.disable=1)?",
      cause: error,
    });
  }
  return error;
}
