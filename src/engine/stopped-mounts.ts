/** The mounts of a container that does not run, for those who look into it. */
import { relative } from "node:path";
import type { ViewBind } from "../kernel/overlay.ts";
import type { EngineContext } from "./context.ts";
import { mountsOf } from "./mounts.ts";
import { generateId } from "./names.ts";
import type { ContainerMount, ContainerRecord } from "./types.ts";
import { locateVolume } from "./volumes/locate.ts";
import { acquireVolume, releaseVolume } from "./volumes/mounted.ts";

/**
 * Calls `open` with the bind mounts and volumes. What `open` makes of them has to hold on to them by itself: volumes that
 * are mounted for this are let go when it returns.
 */
export async function withStoppedMounts<T>(
  context: EngineContext,
  record: ContainerRecord,
  open: (binds: ViewBind[]) => T,
): Promise<T> {
  const visitor = generateId();
  const acquired: string[] = [];
  const binds: ViewBind[] = [];
  const find = async (mount: ContainerMount): Promise<void> => {
    const { target } = mount;
    if (mount.type === "bind") binds.push({ source: mount.source, target, readOnly: mount.readOnly });
    if (mount.type !== "volume") return;
    if (mount.needsMount) acquired.push(mount.name);
    const base = mount.needsMount ? await acquireVolume(context, mount.name, visitor) : undefined;
    const { source, origin } = locateVolume(context.paths, mount, base);
    const within = origin?.within;
    binds.push({
      source: within === undefined ? source : relative(within, source),
      within,
      target,
      readOnly: mount.readOnly,
    });
  };
  try {
    for (const mount of byDepth(mountsOf(record))) await find(mount);
    return open(binds);
  } finally {
    for (const name of acquired) await releaseVolume(context, name, visitor);
  }
}

/** Parents before children. */
const byDepth = (mounts: readonly ContainerMount[]): ContainerMount[] =>
  mounts.toSorted((a, b) => a.target.split("/").length - b.target.split("/").length);
