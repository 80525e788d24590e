/** What node:net and node:dgram cannot do: sockets of other network namespaces, and descriptors over unix sockets. */
import { closeSync } from "node:fs";
import { check, checkResult, ERRNO, SyscallError } from "./errors.ts";
import { libc } from "./libc.ts";
import { native, nativeAsync } from "./native.ts";

const netnsSockets = native("int tsrun_netns_sockets(int nsfd, const int *kinds, _Out_ int *fds, int count)");
const sendOver = native(
  "int tsrun_send_descriptors(const char *directory, const char *name, const void *data, int size, const int *fds, int count)",
);
const sendOverConnection = native(
  "int tsrun_send_descriptors_over(int connection, const void *data, int size, const int *fds, int count)",
);
const accept = nativeAsync(
  "int tsrun_accept_descriptors(int listener, void *text, int size, void *fds, int count)",
);
const bindTo = libc("int bind(int fd, const void *address, uint32_t length)");
const listenOn = libc("int listen(int fd, int backlog)");
const shutdownSocket = libc("int shutdown(int fd, int how)");
const setsockopt = libc("int setsockopt(int fd, int level, int name, const int *value, uint32_t length)");

/** [domain, type, protocol] of socket(2). */
export type SocketKind = readonly [domain: number, type: number, protocol: number];
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;

/** <sys/socket.h> */
const SHUT_WR = 1;
const SHUT_RDWR = 2;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const INT_SIZE = 4;

/** Close-on-exec sockets in the network namespace that `netns` refers to, one of each kind; the caller closes them. */
export function openSocketsIn(netns: number, kinds: readonly SocketKind[]): number[] {
  const fds = kinds.map(() => -1);
  checkResult("socket", netnsSockets(netns, kinds.flat(), fds, kinds.length), "network namespace");
  return fds;
}

/** Binds an IPv4 socket, bind(2). */
export function bindIpv4(fd: number, address: string, port: number): void {
  const sockaddr = Buffer.alloc(16); // struct sockaddr_in, ip(7)
  sockaddr.writeUInt16LE(AF_INET, 0);
  sockaddr.writeUInt16BE(port, 2);
  sockaddr.set(address.split(".").map(Number), 4);
  check("bind", () => bindTo(fd, sockaddr, sockaddr.length), `${address}:${port}`);
}

export function listen(fd: number, backlog: number): void {
  check("listen", () => listenOn(fd, backlog));
}

/** Ends a connection in one or both directions, shutdown(2); one that has ended already is left alone. */
export function shutdown(fd: number, direction: "write" | "both"): void {
  shutdownSocket(fd, direction === "write" ? SHUT_WR : SHUT_RDWR);
}

/** How many bytes may wait in the socket, socket(7): beyond net.core.rmem_max where this process may ask for that. */
export function setReceiveBuffer(fd: number, bytes: number): void {
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, [bytes], INT_SIZE) === 0) return;
  check("setsockopt", () => setsockopt(fd, SOL_SOCKET, SO_RCVBUF, [bytes], INT_SIZE), "SO_RCVBUF");
}

/** Connects to the unix socket `name` in a directory and sends one message with descriptors, which stay the caller's. */
export function sendDescriptors(
  socket: { directory: string; name: string },
  data: Buffer,
  fds: readonly number[],
): void {
  const { directory, name } = socket;
  const result = sendOver(directory, name, data, data.length, fds, fds.length);
  checkResult("sendmsg", result, `${directory}/${name}`);
}

/** Sends one message with descriptors, which stay the caller's, over a connected unix socket. */
export function sendDescriptorsOver(connection: number, data: Buffer, fds: readonly number[]): void {
  checkResult("sendmsg", sendOverConnection(connection, data, data.length, fds, fds.length));
}

/** One message with descriptors, which are the receiver's to close. */
export interface Delivery {
  /** The sender's end of it is closed when the sender is gone. */
  connection: number;
  text: string;
  fds: number[];
}

const TEXT_SIZE = 256;

/**
 * Waits for the next connection to a listening unix socket on which exactly `count` descriptors come with the first
 * message (SCM_RIGHTS). Others are closed and passed over. Blocks a thread of Node's pool meanwhile.
 */
export async function acceptDescriptors(listener: number, count: number): Promise<Delivery> {
  for (;;) {
    const text = Buffer.alloc(TEXT_SIZE);
    const fds = new Int32Array(count + 1).fill(-1);
    const length = await accept(listener, text, text.length, fds, count);
    if (length >= 0) {
      const [connection = -1, ...received] = fds;
      return { connection, text: text.toString("utf8", 0, length), fds: received };
    }
    const error = new SyscallError("accept", -length, "descriptors");
    if (error.code !== "EPROTO" && error.code !== "EAGAIN") throw error;
  }
}

const socket = libc("int socket(int domain, int type, int protocol)");
const connectTo = libc("int connect(int fd, const void *address, uint32_t length)");
const SOCK_CLOEXEC = 0o2000000;
/** sizeof(sun_path), unix(7). */
const UNIX_PATH_MAX = 108;

/** struct sockaddr_un of a path, or of the abstract name "@name". */
export function unixAddress(path: string): Buffer {
  const name = Buffer.from(path.replace(/^@/, "\0"));
  if (name.length >= UNIX_PATH_MAX) throw new SyscallError("connect", ERRNO.ENAMETOOLONG ?? 36, path);
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  // The length counts: an abstract name is all of its bytes, zeros too.
  return Buffer.concat([family, name, ...(path.startsWith("@") ? [] : [Buffer.of(0)])]);
}

/** A close-on-exec stream socket that is connected to a unix socket's path; the caller closes it. */
export function connectUnix(path: string): number {
  const address = unixAddress(path);
  const fd = check("socket", () => socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  try {
    check("connect", () => connectTo(fd, address, address.length), path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
