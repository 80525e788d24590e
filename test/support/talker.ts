/** A client that speaks datagrams to a port of this host, always from the same port of its own. */
import { createSocket } from "node:dgram";
import { once } from "node:events";

export interface Talker extends Disposable {
  /** The client's own, which stays the same. */
  readonly port: number;
  /** The answer to "hello", "" where none comes within so many milliseconds. */
  ask(patience?: number): Promise<string>;
}

export async function talker(hostPort: number): Promise<Talker> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    port: socket.address().port,
    async ask(patience = 1000) {
      const timeout = AbortSignal.timeout(patience);
      socket.send("hello", hostPort, "127.0.0.1");
      try {
        const [message] = await once(socket, "message", { signal: timeout });
        return `${message}`;
      } catch (error) {
        if (timeout.aborted) return "";
        throw error;
      }
    },
    [Symbol.dispose]: () => socket.close(),
  };
}
