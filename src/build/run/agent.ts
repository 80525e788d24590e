/** RUN --mount=type=ssh: a socket in the step that leads to the agent of the caller. */
import { chmodSync, closeSync, constants, mkdirSync, openSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { Owner } from "../../engine/userns/owners.ts";
import { TsrunError } from "../../errors.ts";
import type { StepMount } from "../graph/types.ts";
import type { SshSource } from "../types.ts";

/** undefined where no agent goes by the mount's id. `give` makes a file that of a user of the step. */
export async function openAgent(
  sources: readonly SshSource[],
  { id = "default", uid = 0, gid = 0, mode = 0o600 }: StepMount,
  { runtime, give }: { runtime: string; give: (path: string, owner: Owner) => void },
): Promise<{ path: string; close(): void } | undefined> {
  const source = sources.find((each) => each.id === id);
  const [agent = process.env["SSH_AUTH_SOCK"], ...more] = source?.paths ?? [];
  if (source === undefined || agent === undefined) return undefined;
  if (more.length > 0) {
    throw new TsrunError("ERR_TSRUN_SSH_UNSUPPORTED", "only an agent's socket can be given with --ssh", {
      hint: "add the keys to an agent (ssh-add), and give its socket",
      exitCode: 1,
    });
  }
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  const name = `ssh-${id.replace(/\W/g, "_")}`;
  const path = join(runtime, name);
  const server = createServer((client) => {
    const upstream = connect(agent);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
    client.pipe(upstream).pipe(client);
  });
  // A socket's path may be 108 bytes long (unix(7)), which the directory's may exceed: it is bound by a descriptor of that.
  const directory = openSync(runtime, constants.O_RDONLY | constants.O_DIRECTORY);
  const close = (): void => {
    server.close();
    closeSync(directory);
  };
  try {
    const short = `/proc/self/fd/${directory}/${name}`;
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(short, resolve));
    give(path, { uid, gid });
    chmodSync(path, mode);
    return { path, close };
  } catch (error) {
    close();
    throw error;
  }
}
