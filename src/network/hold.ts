/** Keeps a network from being removed while a container is being connected to it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Lock, lock } from "../store/locks.ts";
import { locksDir, type Paths } from "../store/paths.ts";
import { isPredefined } from "./predefined.ts";
import { networkNotFound, readNetwork } from "./records.ts";
import type { NetworkRecord } from "./types.ts";

const lockFile = (paths: Paths, { id }: Pick<NetworkRecord, "id">): string =>
  join(locksDir(paths), `network-${id.slice(0, 12)}`);

/** Shared by all who connect; ERR_TSRUN_NETWORK_NOT_FOUND where the network has been removed meanwhile. */
export async function holdNetwork(paths: Paths, network: NetworkRecord): Promise<Disposable | undefined> {
  if (isPredefined(network)) return undefined;
  const held = await lock(lockFile(paths, network), { shared: true });
  if (readNetwork(paths, network.id) !== undefined) return held;
  rmSync(held.path, { force: true });
  held.release();
  throw networkNotFound(network.name);
}

/** For its removal: nobody connects meanwhile. */
export const lockNetwork = (paths: Paths, network: Pick<NetworkRecord, "id">): Promise<Lock> =>
  lock(lockFile(paths, network));

/** Removes the lock files of a network that is gone; the caller holds lockNetwork(). */
export function forgetLocks(paths: Paths, { id }: Pick<NetworkRecord, "id">): void {
  for (const name of [`bridge-${id.slice(0, 12)}`, `leases-${id}`, `network-${id.slice(0, 12)}`])
    rmSync(join(locksDir(paths), name), { force: true });
}
