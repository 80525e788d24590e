/** The networks on disk: <root>/networks/<id>/config.json, and the predefined ones, which need no file. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { readDocument, syncDirectory, writeDocument } from "../store/documents.ts";
import type { Paths } from "../store/paths.ts";
import { BRIDGE, PREDEFINED } from "./predefined.ts";
import type { NetworkRecord } from "./types.ts";

const networksDir = (paths: Paths): string => join(paths.root, "networks");
const networkDir = (paths: Paths, id: string): string => join(networksDir(paths), id);
const recordPath = (paths: Paths, id: string): string => join(networkDir(paths, id), "config.json");

/** The network with this id; undefined where there is none. */
export function readNetwork(paths: Paths, id: string): NetworkRecord | undefined {
  const predefined = PREDEFINED.find((network) => network.id === id);
  if (predefined !== undefined && id !== BRIDGE.id) return predefined;
  return readDocument<NetworkRecord>(recordPath(paths, id)) ?? predefined;
}

/** All networks, by name. */
export function listNetworks(paths: Paths): NetworkRecord[] {
  const ids = new Set([...PREDEFINED.map(({ id }) => id), ...directories(paths)]);
  return [...ids].flatMap((id) => readNetwork(paths, id) ?? []).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The network that an id, a name or the unique beginning of an id means; undefined where none does. */
export function findNetwork(paths: Paths, reference: string): NetworkRecord | undefined {
  const wanted = reference === "default" ? BRIDGE.name : reference;
  const predefined = PREDEFINED.find(({ id, name }) => name === wanted || id === wanted);
  if (predefined !== undefined) return readNetwork(paths, predefined.id);
  const whole = /^[0-9a-f]{64}$/.test(wanted) ? readNetwork(paths, wanted) : undefined;
  if (whole !== undefined) return whole;
  const all = listNetworks(paths);
  const named = all.find(({ name }) => name === wanted);
  if (named !== undefined || !/^[0-9a-f]+$/.test(wanted)) return named;
  const [only, ...others] = all.filter(({ id }) => id.startsWith(wanted));
  if (others.length > 0) {
    throw new TsrunError("ERR_TSRUN_NETWORK_AMBIGUOUS", `network ${reference} is ambiguous`, {
      hint: "add digits until only one is meant: `tsrun network ls --no-trunc`",
    });
  }
  return only;
}

/** findNetwork() of one that has to be there. */
export function resolveNetwork(paths: Paths, reference: string): NetworkRecord {
  return findNetwork(paths, reference) ?? raise(networkNotFound(reference));
}

export function networkNotFound(reference: string): TsrunError {
  return new TsrunError("ERR_TSRUN_NETWORK_NOT_FOUND", `network ${reference} not found`, {
    hint: `\`tsrun network ls\` lists the networks, \`tsrun network create ${reference}\` makes one`,
  });
}

export function writeNetwork(paths: Paths, network: NetworkRecord): void {
  mkdirSync(networkDir(paths, network.id), { recursive: true, mode: 0o700 });
  writeDocument(recordPath(paths, network.id), network);
  syncDirectory(networksDir(paths));
}

export function forgetNetwork(paths: Paths, id: string): void {
  rmSync(networkDir(paths, id), { recursive: true, force: true });
}

function directories(paths: Paths): string[] {
  try {
    return readdirSync(networksDir(paths)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function raise(error: Error): never {
  throw error;
}
