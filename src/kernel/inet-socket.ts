/** Sockets that hold a port of the host without listening on it, bind(2), ip(7), ipv6(7). */
import { closeSync } from "node:fs";
import { check, SyscallError } from "./errors.ts";
import { ipBytes } from "./ip-address.ts";
import { libc } from "./libc.ts";

export type TransportProtocol = "tcp" | "udp" | "sctp";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_CLOEXEC = 0x80000;
/** socket(2)'s type and protocol: SOCK_STREAM, SOCK_DGRAM; sctp(7) has no protocol by default. */
const KINDS: Record<TransportProtocol, [type: number, protocol: number]> = {
  tcp: [1, 6],
  udp: [2, 17],
  sctp: [1, 132],
};
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

const socket = libc("int socket(int domain, int type, int protocol)");
const bind = libc("int bind(int fd, const void *address, uint32_t length)");
const setsockopt = libc("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)");
const getsockname = libc("int getsockname(int fd, _Out_ void *address, _Inout_ uint32_t *length)");

export interface BoundSocket {
  fd: number;
  port: number;
}

/**
 * Binds a port at an address of this network namespace; port 0 is any free one. Nobody else can bind the port while
 * the descriptor (close-on-exec) is open, and nothing is accepted on it. Throws SyscallError: EADDRINUSE where it is
 * taken, EADDRNOTAVAIL where the address is not the host's, EAFNOSUPPORT or EPROTONOSUPPORT where the kernel lacks it.
 */
export function bindPort(protocol: TransportProtocol, address: string, port: number): BoundSocket {
  const bytes = ipBytes(address);
  if (bytes === undefined) throw new RangeError(`${address} is not an IP address`);
  const family = bytes.length === 4 ? AF_INET : AF_INET6;
  const [type, number] = KINDS[protocol];
  const fd = check("socket", () => socket(family, type | SOCK_CLOEXEC, number), protocol);
  try {
    if (family === AF_INET6) {
      const on = Buffer.from([1, 0, 0, 0]);
      check("setsockopt", () => setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, on, on.length), "IPV6_V6ONLY");
    }
    const name = encodeAddress(family, bytes, port);
    bindAnyway({ fd, name, where: `${address}:${port}`, isTcp: protocol === "tcp" });
    const length = [name.length];
    check("getsockname", () => getsockname(fd, name, length), address);
    return { fd, port: name.readUInt16BE(2) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Closed connections of a former server keep a TCP port for a minute (TIME_WAIT); socket(7)'s SO_REUSEADDR passes over
 * them. It is taken away again at once: who has it set could share the port with another who has.
 */
function bindAnyway({
  fd,
  name,
  where,
  isTcp,
}: {
  fd: number;
  name: Buffer;
  where: string;
  isTcp: boolean;
}): void {
  const tryBind = (): number => check("bind", () => bind(fd, name, name.length), where);
  const reuse = (value: number): void => {
    const option = Buffer.from([value, 0, 0, 0]);
    check(
      "setsockopt",
      () => setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, option, option.length),
      "SO_REUSEADDR",
    );
  };
  try {
    tryBind();
  } catch (error) {
    if (!isTcp || !isInUse(error)) throw error;
    reuse(1);
    tryBind();
    reuse(0);
  }
}

export const isInUse = (error: unknown): boolean =>
  error instanceof SyscallError && error.code === "EADDRINUSE";

/** struct sockaddr_in {u16 family, be16 port, 4 bytes, padding}; sockaddr_in6 {…, u32 flow, 16 bytes, u32 scope}. */
function encodeAddress(family: number, bytes: Buffer, port: number): Buffer {
  const name = Buffer.alloc(family === AF_INET ? 16 : 28);
  name.writeUInt16LE(family, 0);
  name.writeUInt16BE(port, 2);
  bytes.copy(name, family === AF_INET ? 4 : 8);
  return name;
}
