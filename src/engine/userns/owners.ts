/**
 * Owners in the root of a container that runs in a user namespace of its own, seen from the host: the host's ids. Archives
 * that come out of it or go into it have the ids of inside, as they are on disk.
 */

import type { OciIdMapping } from "../../runtime/oci.ts";
import { onHost } from "../../runtime/plan/mapped-root.ts";
import type { UserNamespace } from "../types.ts";

export interface Owner {
  uid: number;
  gid: number;
}

/** Who owns what nobody in the namespace owns: /proc/sys/kernel/overflowuid. */
const NOBODY = 65534;

const inside = (mappings: readonly OciIdMapping[], id: number): number => {
  const range = mappings.find(({ hostID, size }) => id >= hostID && id < hostID + size);
  return range === undefined ? NOBODY : range.containerID + id - range.hostID;
};

export const ownerInside = ({ uids, gids }: UserNamespace, { uid, gid }: Owner): Owner => ({
  uid: inside(uids, uid),
  gid: inside(gids, gid),
});

/** Throws RangeError where the namespace does not have them. */
export const ownerOnHost = ({ uids, gids }: UserNamespace, { uid, gid }: Owner): Owner => ({
  uid: onHost(uids, uid),
  gid: onHost(gids, gid),
});
