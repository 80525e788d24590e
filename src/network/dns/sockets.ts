/**
 * The name server's address in a container, 127.0.0.11 port 53 as docker's users know it, and the sockets behind it.
 *
 * The sockets are bound to another port, because programs in the container shall be able to serve names themselves: a
 * socket on 127.0.0.11:53 would keep them from binding 0.0.0.0:53, unless they set SO_REUSEADDR, and for TCP even then.
 * Two rules in the container's namespace rewrite port 53 of that address into this port, and two the answers back. That
 * needs no memory of connections, so it is done without NAT, whose connection tracking all other packets would pay for.
 */
import { closeSync } from "node:fs";
import { NETLINK_NETFILTER, wrapNetlink } from "../../kernel/netlink.ts";
import {
  createOutputTable,
  type Expression,
  fieldIs,
  protocolIs,
  writeField,
} from "../../kernel/nft-batch.ts";
import {
  AF_INET,
  AF_NETLINK,
  bindIpv4,
  listen,
  openSocketsIn,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
  setReceiveBuffer,
} from "../../kernel/sockets.ts";
import { networkError } from "../failure.ts";
import { NAME_SERVER } from "../resolv-conf.ts";

const NAME_PORT = 53;
/** Above what the kernel gives to sockets that ask for any port (net.ipv4.ip_local_port_range ends at 60999). */
const SOCKET_PORT = 61053;
const TABLE = "tsrun-names";

/** Room for 5000 questions that come at once: the kernel counts 768 bytes for each, and the double of what it is told. */
const RECEIVE_BUFFER = 2 << 20;
const BACKLOG = 1024;

export interface NameSockets extends Disposable {
  /** Descriptors, close-on-exec. */
  readonly udp: number;
  /** Listening. */
  readonly tcp: number;
}

/** Opens the sockets in a container's network namespace, whose loopback is or will be up. */
export function openNameSockets(netns: number): NameSockets {
  let fds: number[] = [];
  const close = (): void => {
    for (const fd of fds.splice(0)) closeSync(fd);
  };
  try {
    fds = openSocketsIn(netns, [
      [AF_INET, SOCK_DGRAM, 0],
      [AF_INET, SOCK_STREAM, 0],
      [AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER],
    ]);
    const [udp = -1, tcp = -1] = fds;
    setReceiveBuffer(udp, RECEIVE_BUFFER);
    bindIpv4(udp, NAME_SERVER, SOCKET_PORT);
    bindIpv4(tcp, NAME_SERVER, SOCKET_PORT);
    listen(tcp, BACKLOG);
    {
      using netfilter = wrapNetlink(fds.pop() as number);
      createOutputTable(netfilter, { table: TABLE, rules: portRules() });
    }
    return { udp, tcp, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw networkError("opening the container's name server", error);
  }
}

const [SOURCE, DESTINATION] = [
  {
    address: { header: "network", offset: 12, length: 4 },
    port: { header: "transport", offset: 0, length: 2 },
  },
  {
    address: { header: "network", offset: 16, length: 4 },
    port: { header: "transport", offset: 2, length: 2 },
  },
] as const;
/** Protocol numbers, and where the checksum is in their headers. */
const PROTOCOLS = [
  { number: 17, checksum: 6 },
  { number: 6, checksum: 16 },
];

function portRules(): Expression[][] {
  const address = Uint8Array.from(NAME_SERVER.split(".").map(Number));
  const asked = portBytes(NAME_PORT);
  const bound = portBytes(SOCKET_PORT);
  const rewrite = (
    end: typeof SOURCE | typeof DESTINATION,
    from: Uint8Array,
    to: Uint8Array,
  ): Expression[][] =>
    PROTOCOLS.map(({ number, checksum }) => [
      ...fieldIs(end.address, address),
      ...protocolIs(number),
      ...fieldIs(end.port, from),
      ...writeField(end.port, to, checksum),
    ]);
  return [...rewrite(DESTINATION, asked, bound), ...rewrite(SOURCE, bound, asked)];
}

const portBytes = (port: number): Uint8Array => Uint8Array.of(port >> 8, port & 0xff);
