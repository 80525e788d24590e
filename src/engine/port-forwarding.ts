/**
 * Published ports of an ordinary user. Their containers are in a network namespace of the user's, so a process carries
 * what comes to a port of the host over there: tsrun-forward (native/forward), one for each container. It ends with the
 * container's monitor, which holds the other end of a pipe as it holds the sockets.
 */
import { closeSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostNetwork } from "../kernel/host-network.ts";
import { nativePath } from "../kernel/native.ts";
import { closeOnExecPipe, spawnDetached } from "../kernel/process.ts";
import type { PortTarget } from "../network/ports/publish.ts";
import type { PublishedPort } from "../network/ports/types.ts";
import { containerRunDir, type Paths } from "../store/paths.ts";

/** Where what comes to each of the ports goes: the file that tsrun-forward looks at for each connection. */
export const targetsPath = (paths: Paths, id: string): string => join(containerRunDir(paths, id), "forward");

/** Writes that file: a line for each port in their order, empty where the container cannot be reached. */
export function writeTargets(
  paths: Paths,
  id: string,
  { ports, target }: { ports: readonly PublishedPort[]; target: PortTarget | undefined },
): void {
  const lines = ports.map((port) => `${targetOf(port, target)}\n`);
  const path = targetsPath(paths, id);
  writeFileSync(`${path}.new`, lines.join(""));
  renameSync(`${path}.new`, path);
}

/** A connection is a new one from here, so it may be of another family than the one that came. */
function targetOf({ hostAddress, containerPort }: PublishedPort, target: PortTarget | undefined): string {
  const { address, address6 } = target ?? {};
  const to = hostAddress.includes(":") ? (address6 ?? address) : (address ?? address6);
  return to === undefined ? "" : `${to} ${containerPort}`;
}

/**
 * Starts to carry; the ports' sockets are `fds`. Returns a descriptor that whoever sees the container's end keeps until
 * then, the caller's to close.
 */
export function forwardPorts(
  paths: Paths,
  id: string,
  { ports, fds }: { ports: readonly PublishedPort[]; fds: readonly number[] },
): number {
  const netns = hostNetwork();
  if (netns === undefined) throw new Error("the packet filter carries the ports of the host's root");
  const program = nativePath("tsrun-forward");
  const [life, kept] = closeOnExecPipe();
  try {
    spawnDetached(program, [program, targetsPath(paths, id), ...ports.map(({ protocol }) => protocol)], {
      env: [],
      fds: [netns, life, ...fds],
    });
    return kept;
  } catch (error) {
    closeSync(kept);
    throw error;
  } finally {
    closeSync(life);
  }
}
