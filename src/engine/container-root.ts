/**
 * A container's root filesystem as a descriptor, whether it runs or not. Paths in it are looked up with openInRoot()
 * and nothing else: the container is hostile, and may change its tree at any moment (CVE-2018-15664).
 *
 * Of a container that runs it is that of its first process. Otherwise the overlay is mounted for this process alone,
 * attached nowhere: a kill leaves nothing behind. Meanwhile the container is owned, so that nobody starts it.
 */
import { closeSync, constants, openSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { TsrunError } from "../errors.ts";
import { monotonic } from "../kernel/clock.ts";
import { O_PATH } from "../kernel/openat2.ts";
import { openNamespaceRoot, openOverlay, type ViewBind } from "../kernel/overlay.ts";
import { layerName } from "../store/layers.ts";
import type { Lock } from "../store/locks.ts";
import { containerDir, layersDir, type Paths } from "../store/paths.ts";
import type { EngineContext } from "./context.ts";
import { ownContainer } from "./ownership.ts";
import { resolveContainer } from "./records.ts";
import { isRunning, readState } from "./state.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

export interface ContainerRoot extends Disposable {
  /** O_PATH. */
  readonly fd: number;
  readonly record: ContainerRecord;
  /** The state of the container that runs; undefined where it does not. */
  readonly running: ContainerState | undefined;
}

/**
 * - "image and writable layer": what is mounted on them is not there.
 * - "with mounts": as the container sees it; what is mounted only while it runs is missing before.
 * - "writable": the same, to be written to.
 */
export type RootView = "image and writable layer" | "with mounts" | "writable";

/** How long a container may be held by a command that starts or removes it. */
const OWN_TIMEOUT_MS = 15_000;
/** How soon to look again at what its owner does with it. */
const LOOK_AGAIN_MS = 200;

/** Opens the root of a container; throws ERR_TSRUN_CONTAINER_NOT_FOUND, ERR_TSRUN_LOCK_TIMEOUT. */
export async function openContainerRoot(
  context: EngineContext,
  reference: string,
  view: RootView,
): Promise<ContainerRoot> {
  const held = await holdContainer(context.paths, reference);
  const { record, running } = held;
  try {
    const fd = running ? openRunning(running, view) : await openWithMounts(context, record, view);
    if (fd === undefined) return await openContainerRoot(context, reference, view); // it has just ended
    let isOpen = true;
    return {
      fd,
      record,
      running,
      [Symbol.dispose]() {
        if (!isOpen) return;
        isOpen = false;
        closeSync(fd);
        held[Symbol.dispose]();
      },
    };
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
}

export interface HeldContainer extends Disposable {
  readonly record: ContainerRecord;
  /** Set where it runs. Otherwise it is owned, and stays as it is until this is disposed of. */
  readonly running: ContainerState | undefined;
}

/** A container that either runs or is kept from starting. */
export async function holdContainer(paths: Paths, reference: string): Promise<HeldContainer> {
  const { id } = resolveContainer(paths, reference);
  const deadline = monotonic() + OWN_TIMEOUT_MS;
  for (;;) {
    const state = readState(paths, id);
    if (isRunning(state)) {
      return { record: resolveContainer(paths, id), running: state, [Symbol.dispose]: () => {} };
    }
    const owned = await ownSoon(paths, id);
    if (owned === undefined && monotonic() >= deadline) throw busy(paths, id);
    if (owned === undefined) continue;
    const release = (): void => letGo(owned);
    try {
      const record = resolveContainer(paths, id); // it may have been removed meanwhile
      if (!isRunning(readState(paths, id, { owner: true })))
        return { record, running: undefined, [Symbol.dispose]: release };
    } catch (error) {
      release();
      throw error;
    }
    owned.release();
  }
}

/** The container's lock; undefined where its owner kept it for a while. */
async function ownSoon(paths: Paths, id: string): Promise<Lock | undefined> {
  try {
    return await ownContainer(paths, id, LOOK_AGAIN_MS);
  } catch (error) {
    if (error instanceof TsrunError && error.code === "ERR_TSRUN_LOCK_TIMEOUT") return undefined;
    throw error;
  }
}

function busy(paths: Paths, id: string): TsrunError {
  const { name } = resolveContainer(paths, id);
  const { status } = readState(paths, id);
  const what = status === "restarting" ? "waits to be restarted" : "is in the hands of another tsrun command";
  return new TsrunError("ERR_TSRUN_LOCK_TIMEOUT", `container ${name} ${what}`, {
    hint:
      status === "restarting"
        ? `wait until it runs, or stop it: tsrun stop ${name}`
        : "wait for that one to end",
  });
}

/** A container that does not run has no runtime directory: the lock's file goes with the lock. */
function letGo(owned: Lock): void {
  rmSync(owned.path, { force: true });
  try {
    rmdirSync(dirname(owned.path));
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  owned.release();
}

/** Undefined where the process has ended meanwhile; the number may be another's by now. */
function openRunning(state: ContainerState, view: RootView): number | undefined {
  const proc = `/proc/${state.pid}`;
  const opened = openIfAlive(
    view === "image and writable layer" ? `${proc}/ns/mnt` : `${proc}/root`,
    view === "image and writable layer" ? constants.O_RDONLY : O_PATH | constants.O_DIRECTORY,
  );
  if (opened === undefined) return undefined;
  if (!isRunning(state)) {
    closeSync(opened);
    return undefined;
  }
  if (view !== "image and writable layer") return opened;
  try {
    return openNamespaceRoot(opened);
  } finally {
    closeSync(opened);
  }
}

function openIfAlive(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags);
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

async function openWithMounts(
  context: EngineContext,
  record: ContainerRecord,
  view: RootView,
): Promise<number> {
  if (view === "image and writable layer") return openStopped(context.paths, record);
  const { withStoppedMounts } = await import("./stopped-mounts.ts");
  return withStoppedMounts(context, record, (binds) =>
    openStopped(context.paths, record, { writable: view === "writable", binds }),
  );
}

/** The root of a container that does not run; the caller owns it and closes the descriptor. */
export function openStopped(
  paths: Paths,
  record: Pick<ContainerRecord, "id" | "layers">,
  { writable = false, binds = [] }: { writable?: boolean; binds?: readonly ViewBind[] } = {},
): number {
  const directory = layersDir(paths);
  const part = (name: string): string => relative(directory, join(containerDir(paths, record.id), name));
  const layers = record.layers.map(layerName).reverse();
  const [upper, work, target] = [part("upper"), part("work"), part("merged")];
  return openOverlay({
    directory,
    // Read-only the writable layer is one more of those below: nothing is written to it, not even by the mount.
    lower: writable ? layers : [upper, ...layers],
    writable: writable ? { upper, work } : undefined,
    target,
    binds,
  });
}
