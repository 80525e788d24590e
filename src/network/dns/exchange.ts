/** One question to one server and its answer, RFC 1035 4.2: over UDP from a socket of its own, or over TCP. */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { framed, frames } from "./frames.ts";
import { isAnswerTo, withId } from "./message.ts";

export interface Server {
  address: string;
  port: number;
}

/**
 * Asks over UDP. The number is drawn anew and so is the port, by the kernel, so that nobody can guess what an answer
 * would have to look like; what is none is passed over. Rejects where the server's host says that nobody listens, and
 * when `signal` is aborted.
 */
export function askDatagram(query: Buffer, server: Server, signal: AbortSignal): Promise<Buffer> {
  const question = withId(query, randomInt(0x10000));
  const socket = createSocket(isIPv6(server.address) ? "udp6" : "udp4");
  return new Promise<Buffer>((resolve, reject) => {
    onAbort(signal, reject);
    socket.on("error", reject);
    socket.on("message", (bytes) => {
      if (isAnswerTo(question, bytes)) resolve(withId(bytes, query.readUInt16BE(0)));
    });
    // Connected: only this server's answers come through, and its refusals do.
    socket.on("connect", () => socket.send(question));
    socket.connect(server.port, server.address);
  }).finally(() => {
    socket.removeAllListeners("message");
    socket.close();
  });
}

/** Asks over TCP, where answers may be long. Rejects where the server does not want that. */
export function askStream(query: Buffer, server: Server, signal: AbortSignal): Promise<Buffer> {
  const question = withId(query, randomInt(0x10000));
  const socket = connect({ host: server.address, port: server.port });
  return new Promise<Buffer>((resolve, reject) => {
    onAbort(signal, reject);
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`${server.address} closed the connection`)));
    socket.on(
      "data",
      frames((bytes) => {
        if (isAnswerTo(question, bytes)) resolve(withId(bytes, query.readUInt16BE(0)));
      }),
    );
    socket.write(framed(question));
  }).finally(() => socket.destroy());
}

function onAbort(signal: AbortSignal, reject: (reason: unknown) => void): void {
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
}
