/** The namespaces of a container that has a user namespace of its own, made before its Plan. */
import { type NetworkNamespace, openNetworkNamespace } from "../../kernel/netns.ts";
import { type IdRange, openUserNamespace, openUserNamespaceWithNetwork } from "../../kernel/userns.ts";
import type { OciIdMapping } from "../../runtime/oci.ts";
import type { UserNamespace } from "../types.ts";

export interface MappedNamespaces {
  /** Descriptor of the user namespace; the caller closes it. */
  user: number;
  /** The network namespace that belongs to it; the caller disposes of it. */
  network: NetworkNamespace | undefined;
}

export const idRanges = (mappings: readonly OciIdMapping[]): IdRange[] =>
  mappings.map(({ containerID, hostID, size }) => ({ inside: containerID, outside: hostID, size }));

/** Throws SyscallError. */
export function openMappedNamespaces(
  { uids, gids }: UserNamespace,
  { withNetwork }: { withNetwork: boolean },
): MappedNamespaces {
  const maps = [idRanges(uids), idRanges(gids)] as const;
  if (!withNetwork) return { user: openUserNamespace(...maps), network: undefined };
  const { user, net } = openUserNamespaceWithNetwork(...maps);
  return { user, network: openNetworkNamespace(net) };
}
