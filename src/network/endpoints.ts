/**
 * Who is on a network now: a document for each container, <run>/networks/<network id>/endpoints/<container id>.json.
 * Whoever connects a container writes it before the container can be reached; its monitor removes it at its end.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readDocument, writeDocument } from "../store/documents.ts";
import { networkRunDir, type Paths } from "../store/paths.ts";
import type { Endpoint } from "./types.ts";

const SUFFIX = ".json";

export const endpointsDir = (paths: Paths, networkId: string): string =>
  join(networkRunDir(paths, networkId), "endpoints");

export const endpointPath = (paths: Paths, networkId: string, containerId: string): string =>
  join(endpointsDir(paths, networkId), `${containerId}${SUFFIX}`);

/** A container's connection to a network; undefined where it has none now. */
export function readEndpoint(paths: Paths, networkId: string, containerId: string): Endpoint | undefined {
  return readDocument<Endpoint>(endpointPath(paths, networkId, containerId));
}

/** All connections to a network, by the ids of their containers. One of a killed container may be among them. */
export function listEndpoints(paths: Paths, networkId: string): Endpoint[] {
  return entries(endpointsDir(paths, networkId))
    .filter((name) => name.endsWith(SUFFIX))
    .sort()
    .flatMap((name) => readEndpoint(paths, networkId, name.slice(0, -SUFFIX.length)) ?? []);
}

/** Replaces the document; it need not outlive a boot. Returns its path. */
export function writeEndpoint(paths: Paths, endpoint: Endpoint): string {
  const path = endpointPath(paths, endpoint.networkId, endpoint.containerId);
  mkdirSync(endpointsDir(paths, endpoint.networkId), { recursive: true, mode: 0o700 });
  writeDocument(path, endpoint, { durable: false });
  return path;
}

/** No error where there is none. */
export function removeEndpoint(paths: Paths, networkId: string, containerId: string): void {
  rmSync(endpointPath(paths, networkId, containerId), { force: true });
}

/** Gives a container's connections its new name. `networkIds`: where it may have any. */
export function renameEndpoints(
  paths: Paths,
  networkIds: readonly string[],
  { containerId, name }: { containerId: string; name: string },
): void {
  for (const networkId of networkIds) {
    const endpoint = readEndpoint(paths, networkId, containerId);
    if (endpoint !== undefined) writeEndpoint(paths, { ...endpoint, name });
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
