/** Whether a user namespace has the ids of a user. */
import { TsrunError } from "../../errors.ts";
import type { OciIdMapping } from "../../runtime/oci.ts";
import type { UserNamespace } from "../types.ts";

interface Ids {
  uid: number;
  gid: number;
  additionalGids?: readonly number[];
}

/** Throws ERR_TSRUN_ID_UNMAPPED. */
export function requireIds({ uid, gid, additionalGids = [] }: Ids, { uids, gids }: UserNamespace): void {
  const missing = isMapped(uids, uid) ? [gid, ...additionalGids].find((id) => !isMapped(gids, id)) : uid;
  if (missing === undefined) return;
  throw new TsrunError(
    "ERR_TSRUN_ID_UNMAPPED",
    `the container's user namespace has no user or group ${missing}`,
    { hint: `a container can have more: --userns=auto:size=${missing + 1}, or a longer range for its user` },
  );
}

const isMapped = (mappings: readonly OciIdMapping[], id: number): boolean =>
  mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size);
