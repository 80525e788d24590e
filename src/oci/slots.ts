/** The descriptors that fill the slots of an OCI container's Plan. */
import { fstatSync, openSync } from "node:fs";
import { openUserNamespace } from "../kernel/userns.ts";
import type { OciConfig, OciIdMapping } from "../runtime/oci.ts";
import { mountUserNamespaces, namespaceSlot } from "../runtime/plan/oci-plan.ts";
import { invalidRequest } from "./errors.ts";

/** By slot; the caller closes them. */
export type Descriptors = Record<string, number>;

const FIRST_PRESERVED = 3;

/** Opens the namespaces that the container joins, and makes those of its idmapped mounts, into `fds`. */
export function openNamespaces(config: OciConfig, fds: Descriptors): void {
  for (const { type, path } of config.linux.namespaces) {
    if (path) fds[namespaceSlot(type)] = openNamespace(type, path);
  }
  for (const { slot, uidMappings, gidMappings } of mountUserNamespaces(config)) {
    fds[slot] = openUserNamespace(ranges(uidMappings), ranges(gidMappings));
  }
}

function openNamespace(type: string, path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    throw invalidRequest(
      `linux.namespaces: the ${type} namespace cannot be joined: ${(error as Error).message}`,
      error,
    );
  }
}

const ranges = (mappings: readonly OciIdMapping[]) =>
  mappings.map(({ containerID, hostID, size }) => ({ inside: containerID, outside: hostID, size }));

/**
 * The caller's descriptors that the process is to have: slots "preserve:0" and so on, not to be closed here. Throws where
 * one of them is not open.
 */
export function preservedDescriptors(count: number): Descriptors {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => {
      try {
        fstatSync(FIRST_PRESERVED + index);
      } catch (error) {
        const what = `unable to stat preserved-fd ${index} (of ${count})`;
        throw invalidRequest(`${what}: no such file or directory`, error);
      }
      return [`preserve:${index}`, FIRST_PRESERVED + index];
    }),
  );
}
