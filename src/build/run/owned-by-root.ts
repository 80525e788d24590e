/** Files of this host as a RUN is to see them: what is in a context is root's, as where a COPY puts it into a layer. */
import { lstatSync, readdirSync, type Stats } from "node:fs";
import type { LocatedBind } from "../../engine/mounts.ts";
import { exchanged } from "../../engine/volumes/locate.ts";
import { canMapOwners } from "../../kernel/userns.ts";
import { fromPath, toPath } from "../../store/unpack/bytes.ts";

/**
 * How everything at the absolute path becomes root's in a bind mount: it is already, or whoever owns all of it and root
 * change places. Undefined where it has several owners, or its filesystem no idmapped mounts.
 */
export function ownedByRoot(path: string): Pick<LocatedBind, "ids"> | undefined {
  let owner: Stats | undefined;
  let isRoots = true;
  let isOne = true;
  for (const stat of statsOf(fromPath(path))) {
    owner ??= stat;
    isRoots &&= stat.uid === 0 && stat.gid === 0;
    // What is mounted below a mount keeps its owners.
    isOne &&= stat.uid === owner.uid && stat.gid === owner.gid && stat.dev === owner.dev;
    if (!isRoots && !isOne) return undefined;
  }
  if (owner === undefined || isRoots) return {};
  return canMapOwners(path)
    ? { ids: { uids: exchanged(owner.uid, 0), gids: exchanged(owner.gid, 0) } }
    : undefined;
}

/** Of the file itself, and below a directory of what is in it; the path is a byte string. */
function* statsOf(path: string): Generator<Stats> {
  const stat = lstatSync(toPath(path), { throwIfNoEntry: false });
  if (stat === undefined) return;
  yield stat;
  if (!stat.isDirectory()) return;
  for (const name of readdirSync(toPath(path), { encoding: "latin1" })) yield* statsOf(`${path}/${name}`);
}
