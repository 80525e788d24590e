/** Whom files are given to. */
import { userInLayers } from "../../engine/files-in-layers.ts";
import { requireMappedIds } from "../../store/unmapped-id.ts";
import type { Owner } from "./destination.ts";

/**
 * What "app", "app:staff" or "1000:50" means by the accounts of a root, whose directories are given topmost first. Unlike
 * a process's user, a number alone is the group's too. Throws as userInLayers does, and where the caller has no such ids.
 */
export function ownerNamed(spec: string, directories: readonly string[]): Owner {
  const owner = accountNamed(spec, directories);
  requireMappedIds(owner.uid, owner.gid);
  return owner;
}

function accountNamed(spec: string, directories: readonly string[]): Owner {
  const [, uid, gid = uid] = /^(\d+)(?::(\d+))?$/.exec(spec) ?? [];
  if (uid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  const found = userInLayers(directories, spec, undefined);
  return { uid: found.uid, gid: found.gid };
}
