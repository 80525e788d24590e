/**
 * The way out of an ordinary user's network namespace: a program in the host's network namespace that passes on what
 * leaves by a tap device, pasta(1) or slirp4netns(1). native/rootless/outside.c chooses and looks after it. It is
 * started by whoever first connects a container to a network that leads out, and ends with the namespaces.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { hostNetworkPath, recordedProcess } from "../kernel/host-network.ts";
import { nativePath } from "../kernel/native.ts";
import type { NetlinkSocket } from "../kernel/netlink.ts";
import { decodeRoute, listRoutes } from "../kernel/netlink-address.ts";
import { spawnDetached } from "../kernel/process.ts";
import { rootlessDirectory } from "../kernel/rootless.ts";
import { lock } from "../store/locks.ts";

const READY_MS = 5000;
const LOOK_MS = 10;
/** How long it may take until the new process has written down who it is. */
const APPEAR_MS = 1000;

/** Sees to it that there is one; returns warnings where nothing can do it. `route` is a socket of the namespace. */
export async function ensureOutside(route: NetlinkSocket): Promise<string[]> {
  if (isServed()) return [];
  const directory = rootlessDirectory();
  using _lock = await lock(`${directory}/outside.lock`);
  if (isServed()) return [];
  const program = nativePath("tsrun-rootless");
  spawnDetached(program, [program, "--outside", directory, hostNetworkPath()], {
    env: ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"],
    fds: [],
  });
  return (await becomesReady(route)) ? [] : [failure(directory)];
}

const isServed = (): boolean => recordedProcess(`${rootlessDirectory()}/outside`) !== undefined;

async function becomesReady(route: NetlinkSocket): Promise<boolean> {
  let appeared = false;
  for (let waited = 0; waited < READY_MS; waited += LOOK_MS) {
    if (leadsOut(route)) return true;
    const served = isServed();
    appeared ||= served;
    if (!served && (appeared || waited > APPEAR_MS)) return false;
    await sleep(LOOK_MS);
  }
  return leadsOut(route);
}

const leadsOut = (route: NetlinkSocket): boolean =>
  route
    .dump(listRoutes())
    .map(decodeRoute)
    .some(({ prefixLength }) => prefixLength === 0);

function failure(directory: string): string {
  let reason = "";
  try {
    reason = readFileSync(`${directory}/outside.log`, "utf8").trim().split("\n").slice(-2).join("; ");
  } catch {
    // It has not come so far.
  }
  return (
    `Containers reach each other and published ports, but nothing outside: neither pasta nor slirp4netns works here` +
    `${reason === "" ? "" : ` (${reason})`}; \`sudo apt-get install passt slirp4netns\` installs both`
  );
}
