/** Programs in a container that ask for names, played by the test: their sockets are in its network namespace. */
import { createSocket, type Socket } from "node:dgram";
import { closeSync, openSync } from "node:fs";
import { type DecodedPacket, decode, encode } from "dns-packet";
import { AF_INET, bindIpv4, openSocketsIn, SOCK_DGRAM } from "../../src/kernel/sockets.ts";

const SERVER = "127.0.0.11";
const PORT = 53;
const RECURSION_DESIRED = 0x100;

export interface NameClient {
  /** The answer; undefined where none comes in time. */
  ask(name: string, options?: { type?: string; timeoutMs?: number }): Promise<DecodedPacket | undefined>;
  close(): void;
}

/** So many clients, each with a socket, in the network namespace of process `pid`. */
export function openNameClients(pid: number, count = 1): NameClient[] {
  const netns = openSync(`/proc/${pid}/ns/net`, "r");
  try {
    const kinds = Array.from({ length: count }, () => [AF_INET, SOCK_DGRAM, 0] as const);
    return openSocketsIn(netns, kinds).map((fd) => {
      // libuv lets sockets that it binds itself share a port.
      bindIpv4(fd, "0.0.0.0", 0);
      const socket = createSocket("udp4");
      socket.bind({ fd });
      return { ask: (name, options = {}) => ask(socket, name, options), close: () => socket.close() };
    });
  } finally {
    closeSync(netns);
  }
}

let questions = 0;

function ask(
  socket: Socket,
  name: string,
  { type = "A", timeoutMs = 5_000 }: { type?: string; timeoutMs?: number },
): Promise<DecodedPacket | undefined> {
  const id = questions++ & 0xffff;
  const { promise, resolve } = Promise.withResolvers<DecodedPacket | undefined>();
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  const listener = (bytes: Buffer): void => {
    if (bytes.readUInt16BE(0) === id) resolve(decode(bytes));
  };
  socket.on("message", listener);
  const question = {
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type: type as "A", name }],
  } as const;
  socket.send(encode({ ...question, questions: [...question.questions] }), PORT, SERVER);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.off("message", listener);
  });
}

/** What the answer's records say, in their order. */
export const dataOf = (packet: DecodedPacket | undefined): unknown[] =>
  (packet?.answers ?? []).map((answer) => ("data" in answer ? answer.data : undefined));

/** "NOERROR", "NXDOMAIN"; undefined where there is no answer. */
export const rcodeOf = (packet: DecodedPacket | undefined): string | undefined =>
  (packet as unknown as { rcode: string } | undefined)?.rcode;
