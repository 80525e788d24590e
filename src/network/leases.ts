/**
 * Which container has which address of a network. A lease is a symbolic link <directory>/<address> -> <container id>: symlink(2)
 * makes it or fails with EEXIST, so two processes can never take the same address, and taking needs no lock.
 *
 * Removing does: between reading whose lease it is and unlinking it, nobody else may remove it and let a third
 * process take the address. So whoever unlinks holds the network's lease lock.
 */
import { mkdirSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { lock, tryLock } from "../store/locks.ts";
import { locksDir, networkRunDir, type Paths } from "../store/paths.ts";
import { readEndpoint, removeEndpoint } from "./endpoints.ts";
import type { IsAlive } from "./types.ts";

/** Whose lease, and on which network. */
export interface Lessee {
  /** The network's id, and its name for messages. */
  network: string;
  networkName: string;
  containerId: string;
  isAlive: IsAlive;
}

/** Addresses to choose from. */
export interface LeaseRange {
  /** For messages: "172.17.0.0/16". */
  name: string;
  /** In the order in which they are to be given away. */
  addresses: () => Iterable<string>;
}

/** How many leases a start checks for a dead owner: constant work that finds what crashed within a few starts. */
const CHECKED_PER_START = 8;

export const leasePath = (paths: Paths, network: string, address: string): string =>
  join(leasesDir(paths, network), address);

const leasesDir = (paths: Paths, network: string): string => join(networkRunDir(paths, network), "leases");
const lockPath = (paths: Paths, network: string): string => join(locksDir(paths), `leases-${network}`);

/** Takes the first free address of the range. */
export async function takeLease(paths: Paths, lessee: Lessee, range: LeaseRange): Promise<string> {
  const directory = leasesDir(paths, lessee.network);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  reclaimSome(paths, lessee);
  let address = takeFirst(directory, lessee, range);
  if (address === undefined) {
    await reclaimAll(paths, lessee);
    address = takeFirst(directory, lessee, range);
  }
  if (address !== undefined) return address;
  throw new TsrunError(
    "ERR_TSRUN_NETWORK_NO_ADDRESS",
    `no free address: all of ${range.name} are in use on network ${lessee.networkName}`,
    { hint: "remove containers that are no longer needed, or give the network a larger subnet" },
  );
}

/** Takes this very address; ERR_TSRUN_NETWORK_ADDRESS_IN_USE names who has it. */
export async function takeAddress(paths: Paths, lessee: Lessee, address: string): Promise<string> {
  const directory = leasesDir(paths, lessee.network);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const take = (): boolean =>
    link(lessee.containerId, join(directory, address)) || ownerOf(directory, address) === lessee.containerId; // since a run that was killed
  if (take()) return address;
  await reclaimAll(paths, lessee);
  if (take()) return address;
  const owner = ownerOf(directory, address) ?? "";
  const name = readEndpoint(paths, lessee.network, owner)?.name ?? owner.slice(0, 12);
  throw new TsrunError(
    "ERR_TSRUN_NETWORK_ADDRESS_IN_USE",
    `Address already in use: container ${name} has ${address} on network ${lessee.networkName}`,
    { hint: "choose another address, or leave out --ip to be given one" },
  );
}

/** Gives back every address that the container holds; no error if there is none. */
export async function releaseLeases(paths: Paths, network: string, containerId: string): Promise<void> {
  const directory = leasesDir(paths, network);
  const isOurs = (name: string) => ownerOf(directory, name) === containerId;
  if (!listLeases(directory).some(isOurs)) return;
  using _lock = await lock(lockPath(paths, network));
  for (const name of listLeases(directory).filter(isOurs)) unlinkSync(join(directory, name));
}

function takeFirst(
  directory: string,
  { containerId }: Lessee,
  { addresses }: LeaseRange,
): string | undefined {
  const taken = new Set(listLeases(directory));
  for (const address of addresses()) {
    if (!taken.has(address) && link(containerId, join(directory, address))) return address;
  }
  return undefined;
}

/** Makes the symbolic link unless something has that name already. */
function link(target: string, path: string): boolean {
  try {
    symlinkSync(target, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Looks at a few leases, a different few each time; leaves it to the other process if one is at it already. */
function reclaimSome(paths: Paths, { network, isAlive }: Lessee): void {
  const directory = leasesDir(paths, network);
  const held = listLeases(directory);
  if (held.length === 0) return;
  const start = Math.floor(Math.random() * held.length);
  const sample = [...held, ...held].slice(start, start + Math.min(CHECKED_PER_START, held.length));
  const isStale = (name: string) => !isHeld(directory, name, isAlive);
  if (!sample.some(isStale)) return;
  using lease = tryLock(lockPath(paths, network));
  if (lease === undefined) return;
  for (const name of sample.filter(isStale)) giveUp(paths, network, name);
}

async function reclaimAll(paths: Paths, { network, isAlive }: Lessee): Promise<void> {
  const directory = leasesDir(paths, network);
  using _lock = await lock(lockPath(paths, network));
  const stale = listLeases(directory).filter((name) => !isHeld(directory, name, isAlive));
  for (const name of stale) giveUp(paths, network, name);
}

/** With the address goes what says that a container has it, by which others would find the next owner. */
function giveUp(paths: Paths, network: string, name: string): void {
  const directory = leasesDir(paths, network);
  const owner = ownerOf(directory, name);
  const endpoint = owner === undefined ? undefined : readEndpoint(paths, network, owner);
  const addresses = [endpoint?.address, endpoint?.address6].map((address) => address?.split("/")[0]);
  if (owner !== undefined && addresses.includes(name)) removeEndpoint(paths, network, owner);
  unlinkSync(join(directory, name));
}

/** A lease that has just been released counts as held: there is nothing left to reclaim. */
function isHeld(directory: string, name: string, isAlive: IsAlive): boolean {
  const owner = ownerOf(directory, name);
  return owner === undefined || isAlive(owner);
}

function ownerOf(directory: string, name: string): string | undefined {
  try {
    return readlinkSync(join(directory, name));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function listLeases(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException).code;
