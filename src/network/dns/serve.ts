/** The two sockets of one container at work: every question gets an answer from its names or from name servers. */
import { createSocket } from "node:dgram";
import { createServer, type Socket } from "node:net";
import type { Server } from "./exchange.ts";
import type { Forwarder } from "./forward.ts";
import { framed, frames } from "./frames.ts";
import { answerOf, type Codec, emptyAnswer, type Query, RCODE, readQuery, STREAM_LIMIT } from "./message.ts";
import type { Names } from "./names.ts";

/** What one container's questions are answered from. */
export interface Client {
  codec: Codec;
  names: Names;
  forwarder: Forwarder;
  /** Where other questions go; none: the container has no way out of its networks, and its questions have none. */
  servers(): readonly Server[];
  /** `options ndots:N` was asked for: a name of one label is not for other servers before its search domains are. */
  ndots: boolean;
}

const IDLE_MS = 10_000;
const MAX_CONNECTIONS = 512;

/** Serves until disposed of; takes the descriptors over. */
export function serve(client: Client, { udp, tcp }: { udp: number; tcp: number }): Disposable {
  const socket = createSocket("udp4");
  // A client that is gone is no reason to end: its host's refusal arrives as an error here.
  socket.on("error", () => {});
  socket.on("message", (bytes, { address, port }) => {
    void respond(client, bytes, "udp").then((answer) => {
      if (answer !== undefined && !closed) socket.send(answer, port, address);
    });
  });
  socket.bind({ fd: udp });

  const connections = new Set<Socket>();
  const server = createServer((connection) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
    converse(client, connection);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("error", () => {}); // UDP serves most
  server.listen({ fd: tcp });

  let closed = false;
  return {
    [Symbol.dispose]() {
      if (closed) return;
      closed = true;
      socket.close();
      server.close();
      for (const connection of connections) connection.destroy();
    },
  };
}

/** Answers go out as they are ready, RFC 7766 6.2.1.1. */
function converse(client: Client, connection: Socket): void {
  connection.setTimeout(IDLE_MS, () => connection.destroy());
  connection.on("error", () => connection.destroy());
  connection.on("drain", () => connection.resume());
  connection.on(
    "data",
    frames((bytes) => {
      void respond(client, bytes, "tcp").then((answer) => {
        if (answer === undefined || !connection.writable) return;
        if (!connection.write(framed(answer))) connection.pause(); // it asks, but does not read
      });
    }),
  );
}

/** The bytes that answer these; undefined where they are no question. */
export async function respond(
  client: Client,
  bytes: Buffer,
  over: "udp" | "tcp",
): Promise<Buffer | undefined> {
  const query = readQuery(client.codec, bytes);
  if ("answer" in query) return query.answer;
  try {
    return localAnswer(client, query, over) ?? (await foreignAnswer(client, query, over));
  } catch {
    return emptyAnswer(query, RCODE.SERVFAIL); // a document that somebody has damaged
  }
}

function localAnswer({ codec, names }: Client, query: Query, over: "udp" | "tcp"): Buffer | undefined {
  if (query.class !== "IN") return undefined;
  const records = names.find(query.name.toLowerCase(), query.type);
  if (records === undefined) return undefined;
  return answerOf(codec, query, { records, limit: over === "udp" ? query.limit : STREAM_LIMIT });
}

async function foreignAnswer(client: Client, query: Query, over: "udp" | "tcp"): Promise<Buffer> {
  const isAddress = query.type === "A" || query.type === "AAAA";
  if (client.ndots && isAddress && !query.name.includes(".")) return emptyAnswer(query, RCODE.NOERROR);
  const servers = client.servers();
  if (servers.length === 0) return emptyAnswer(query, RCODE.SERVFAIL);
  return (await client.forwarder.ask(query.bytes, servers, over)) ?? emptyAnswer(query, RCODE.SERVFAIL);
}
