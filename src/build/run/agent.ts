/** RUN --mount=type=ssh: a socket in the step that leads to an agent of the caller's. */
import { chmodSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Agent } from "../ssh/agent.ts";
import { serveAgent } from "../ssh/serve.ts";

/** Makes the socket at `path`, in a directory that nobody else can reach; `give` makes it that of a user of the step. */
export async function openAgentSocket(
  agent: Agent,
  path: string,
  { mode = 0o600, give }: { mode: number | undefined; give: (path: string) => void },
): Promise<{ close(): void }> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const server = await serveAgent(agent, path);
  try {
    give(path);
    chmodSync(path, mode);
    return server;
  } catch (error) {
    server.close();
    throw error;
  }
}
