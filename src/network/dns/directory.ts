/**
 * Who is on which network now, as read from the endpoints' documents (<run>/networks/<id>/endpoints/<container>.json).
 *
 * A name must be found the moment that the command which connected its container has returned, so a look at a
 * directory's time comes before each batch of questions, and what has changed is read again. A document is only ever
 * replaced as a whole, which changes its directory.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { readDocument } from "../../store/documents.ts";
import type { Endpoint } from "../types.ts";

/** What names are made of. */
export type NamedEndpoint = Pick<
  Endpoint,
  "containerId" | "network" | "name" | "aliases" | "links" | "address" | "address6" | "interface"
>;

export interface Network {
  readonly id: string;
  /** By the ids of their containers. */
  readonly endpoints: ReadonlyMap<string, NamedEndpoint>;
  /** Another number after each change, which no other state of any network has. */
  readonly version: number;
}

export interface Directory {
  /** All networks that somebody may be on, as they are now. */
  networks(): readonly Network[];
}

/**
 * The kernel stamps files with the time of its last tick, at most 10 ms ago: what was read so soon after a change may
 * have been changed again within the same tick, and is read once more.
 */
const TICK = 20;

interface Known extends Network {
  endpoints: Map<string, NamedEndpoint>;
  version: number;
  stamp: Stamp;
  /** By file name: the document's inode and time. */
  files: Map<string, string>;
}
/** undefined: to be looked at again in any case. */
type Stamp = string | undefined;

/** `networksDir` is <run>/networks. */
export function openDirectory(networksDir: string): Directory {
  const known = new Map<string, Known>();
  let ids: readonly string[] = [];
  let idsStamp: Stamp;
  let current: readonly Network[] | undefined;
  let versions = 0;

  function look(): readonly Network[] {
    const stamp = stampOf(networksDir);
    if (stamp === undefined || stamp !== idsStamp) ids = names(networksDir);
    idsStamp = stamp;
    for (const id of known.keys()) if (!ids.includes(id)) known.delete(id);
    return ids.map((id) => {
      const network = known.get(id) ?? {
        id,
        endpoints: new Map(),
        version: 0,
        stamp: undefined,
        files: new Map(),
      };
      known.set(id, network);
      if (refresh(network, join(networksDir, id, "endpoints"))) network.version = ++versions;
      return network;
    });
  }

  return {
    networks() {
      if (current === undefined) {
        current = look();
        // Questions that were received together are answered from one look.
        setImmediate(() => {
          current = undefined;
        });
      }
      return current;
    },
  };
}

/** Returns whether anything is other than it was. */
function refresh(network: Known, directory: string): boolean {
  const stamp = stampOf(directory);
  if (stamp !== undefined && stamp === network.stamp) return false;
  network.stamp = stamp;
  const files = names(directory).filter((name) => name.endsWith(".json"));
  const present = new Set(files);
  let changed = false;
  for (const name of network.files.keys()) {
    if (present.has(name)) continue;
    network.files.delete(name);
    network.endpoints.delete(idOf(name));
    changed = true;
  }
  for (const name of files) {
    const path = join(directory, name);
    const identity = identityOf(path);
    if (identity !== undefined && identity === network.files.get(name)) continue;
    const endpoint = readDocument<NamedEndpoint>(path);
    if (endpoint === undefined) continue; // removed since; the directory's time says so to the next look
    network.files.set(name, identity ?? "");
    network.endpoints.set(idOf(name), endpoint);
    changed = true;
  }
  return changed;
}

const idOf = (file: string): string => file.slice(0, -".json".length);

/** A directory's time, if that vouches for what is read of it now; "" where there is none. */
function stampOf(directory: string): Stamp {
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) return "";
  return Date.now() - stat.mtimeMs < TICK ? undefined : `${stat.ino} ${stat.mtimeMs}`;
}

function identityOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && `${stat.ino} ${stat.mtimeMs}`;
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
