/** The mounts of a container that does not run, for those who look into it. */
import { closeSync, constants, mkdirSync, statSync } from "node:fs";
import { posix, relative, resolve } from "node:path";
import { O_PATH, openInRoot } from "../kernel/openat2.ts";
import type { ViewBind } from "../kernel/overlay.ts";
import type { Paths } from "../store/paths.ts";
import { statInLayers } from "../store/resolve.ts";
import { openStopped } from "./container-root.ts";
import type { EngineContext } from "./context.ts";
import { overlayDirectories } from "./files-in-layers.ts";
import { mountsOf } from "./mounts.ts";
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
  const acquired: string[] = [];
  const binds: ViewBind[] = [];
  const find = async (mount: ContainerMount): Promise<void> => {
    const { target } = mount;
    if (mount.type === "bind") binds.push({ source: mount.source, target, readOnly: mount.readOnly });
    if (mount.type !== "volume") return;
    if (mount.needsMount) acquired.push(mount.name);
    const base = mount.needsMount ? await acquireVolume(context, mount.name, { id: record.id }) : undefined;
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
    makeMountPoints(context.paths, record, binds);
    return open(binds);
  } finally {
    for (const name of acquired) await releaseVolume(context, name, record.id);
  }
}

/** A container that was never started lacks the directories that its start would make to mount on. */
function makeMountPoints(paths: Paths, record: ContainerRecord, binds: readonly ViewBind[]): void {
  const layers = overlayDirectories(paths, record.layers, record.id);
  const missing = binds.filter(({ target }) => statInLayers(layers, target) === undefined);
  if (missing.length === 0) return;
  const root = openStopped(paths, record, { writable: true });
  try {
    for (const { source, within = "/", target } of missing)
      if (statSync(resolve(within, source), { throwIfNoEntry: false })?.isDirectory())
        makeDirectory(root, target);
  } finally {
    closeSync(root);
  }
}

/** With all that is missing above it, inside the container's root whatever links there are. */
function makeDirectory(root: number, path: string): void {
  try {
    closeSync(openInRoot(root, path, O_PATH));
    return;
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT" || path === "/") throw error;
  }
  makeDirectory(root, posix.dirname(path));
  const parent = openInRoot(root, posix.dirname(path), O_PATH | constants.O_DIRECTORY);
  try {
    mkdirSync(`/proc/self/fd/${parent}/${posix.basename(path)}`, { mode: 0o755 });
  } finally {
    closeSync(parent);
  }
}

/** Parents before children. */
const byDepth = (mounts: readonly ContainerMount[]): ContainerMount[] =>
  mounts.toSorted((a, b) => a.target.split("/").length - b.target.split("/").length);
