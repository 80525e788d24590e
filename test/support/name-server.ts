/** A name server of the test's own: what it is asked, it answers as the test says, or not at all. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type DecodedPacket, decode, encode, type Packet } from "dns-packet";
import type { Server } from "../../src/network/dns/exchange.ts";
import { framed, frames } from "../../src/network/dns/frames.ts";

export interface NameServer extends AsyncDisposable {
  server: Server;
  /** "udp NAME" or "tcp NAME", in the order of arrival. */
  asked: string[];
}

/** What is answered beside number and question; undefined: nothing. */
export type Reply = (query: DecodedPacket, over: "udp" | "tcp") => Partial<Packet> | undefined;

/** Several may have the same port on different addresses of the loopback. */
export async function nameServer(
  reply: Reply,
  { tcp = true, address = "127.0.0.1", port = 0 } = {},
): Promise<NameServer> {
  const asked: string[] = [];
  const answer = (bytes: Buffer, over: "udp" | "tcp"): Buffer | undefined => {
    const query = decode(bytes);
    asked.push(`${over} ${query.questions?.[0]?.name}`);
    const packet = reply(query, over);
    return (
      packet && encode({ type: "response", id: query.id ?? 0, questions: query.questions ?? [], ...packet })
    );
  };
  const udp: Socket = createSocket("udp4");
  udp.on("message", (bytes, from) => {
    const bytesBack = answer(bytes, "udp");
    if (bytesBack) udp.send(bytesBack, from.port, from.address);
  });
  udp.bind(port, address);
  await once(udp, "listening");
  const server: Server = { address, port: udp.address().port };
  const stream = createServer((connection) => {
    connection.on("error", () => connection.destroy());
    connection.on(
      "data",
      frames((bytes) => {
        const bytesBack = answer(bytes, "tcp");
        if (bytesBack) connection.write(framed(bytesBack));
      }),
    );
  });
  if (tcp) {
    stream.listen(server.port, address);
    await once(stream, "listening");
    expectPort(stream.address(), server.port);
  }
  return {
    server,
    asked,
    async [Symbol.asyncDispose]() {
      udp.close();
      if (tcp) stream.close();
    },
  };
}

function expectPort(address: AddressInfo | string | null, port: number): void {
  if (typeof address !== "object" || address?.port !== port) throw new Error("the port is taken");
}

/** A packet with addresses. */
export const addresses = (name: string, ...data: string[]): Partial<Packet> => ({
  answers: data.map((each) => ({ type: "A", name, class: "IN", ttl: 5, data: each })),
});
