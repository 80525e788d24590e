/** An agent at a socket of its own. */
import { closeSync, constants, openSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { basename, dirname } from "node:path";
import { O_PATH } from "../../kernel/openat2.ts";
import type { Agent } from "./agent.ts";
import { framed, messagesOf } from "./messages.ts";

/** Makes the socket, which is gone when it is closed. */
export async function serveAgent(agent: Agent, path: string): Promise<{ close(): void }> {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    void converse(client, agent).finally(() => clients.delete(client));
  });
  // A socket's path may be 108 bytes long (unix(7)), which the directory's may exceed: it is reached by a descriptor, which
  // has to be the same when the server removes its socket.
  const directory = openSync(dirname(path), O_PATH | constants.O_DIRECTORY);
  server.once("close", () => closeSync(directory));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(`/proc/self/fd/${directory}/${basename(path)}`, resolve);
  });
  return {
    close() {
      server.close();
      for (const client of clients) client.destroy();
    },
  };
}

async function converse(client: Socket, agent: Agent): Promise<void> {
  client.on("error", () => {});
  const conversation = agent.open();
  try {
    for await (const request of messagesOf(client)) client.write(framed(await conversation.answer(request)));
  } catch {
    // A client that does not speak the protocol, or an agent that has gone: there is nobody to be told but the client.
  } finally {
    conversation.close();
    client.destroy();
  }
}
