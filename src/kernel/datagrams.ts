/** Datagrams over unix sockets, unix(7), which Node does not have. */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { check } from "./errors.ts";
import { libc } from "./libc.ts";
import { AF_UNIX, SOCK_DGRAM, unixAddress } from "./sockets.ts";

const socket = libc("int socket(int domain, int type, int protocol)");
const bindTo = libc("int bind(int fd, const void *address, uint32_t length)");
const connectTo = libc("int connect(int fd, const void *address, uint32_t length)");

/** <bits/socket_type.h> */
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;

const open = (flags = 0): number =>
  check("socket", () => socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | flags, 0));

/** A close-on-exec socket of that name in a directory, from which receiveDatagram() reads; the caller closes it. */
export function bindDatagramSocket(directory: string, name: string): number {
  const fd = open(SOCK_NONBLOCK);
  // sun_path holds 108 bytes, whatever the directory's name is.
  const parent = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const address = unixAddress(`/proc/self/fd/${parent}/${name}`);
    check("bind", () => bindTo(fd, address, address.length), `${directory}/${name}`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  } finally {
    closeSync(parent);
  }
}

/** A close-on-exec socket, each write(2) to which is a datagram for that address; the caller closes it. */
export function connectDatagramSocket(path: string): number {
  const fd = open();
  try {
    const address = unixAddress(path);
    check("connect", () => connectTo(fd, address, address.length), path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The next datagram, cut off after `size` bytes; undefined where none has arrived. */
export function receiveDatagram(fd: number, size: number): Buffer | undefined {
  const buffer = Buffer.alloc(size);
  try {
    return buffer.subarray(0, readSync(fd, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
    throw error;
  }
}
