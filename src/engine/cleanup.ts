/** What a container leaves on the host besides its own directory, and how it goes. */
import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import { readDocument } from "../store/documents.ts";
import { releaseName, resolveName } from "../store/names.ts";
import { containerDir, containerRunDir, namesDir, type Paths } from "../store/paths.ts";
import { removeTree } from "../store/tree-removal.ts";
import { lockDirectory, unlessChanging } from "./change.ts";
import { releaseNetworks } from "./container-networks.ts";
import type { EngineContext } from "./context.ts";
import { containerEvent, recordEvent } from "./events.ts";
import { hasMountedVolume } from "./mounts.ts";
import { ownerLockPath, tryOwnContainer } from "./ownership.ts";
import { releasePorts } from "./published-ports.ts";
import { containerIds, readRecord } from "./records.ts";
import { isRunning, isUnfinished, lostState, statePath, writeState } from "./state.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";
import { claimants, releaseIds } from "./userns/claims.ts";

/**
 * Where a step of a build, which is a container to nobody but the kernel, notes what it has on the host: an
 * incomplete ContainerRecord, for the sweep.
 */
export const stepRecordPath = (paths: Paths, id: string): string =>
  join(containerDir(paths, id), "step.json");

/** Releases cgroup, address and runtime directory. The caller owns the container, and no process of it runs. */
export async function releaseRuntime(context: EngineContext, record: ContainerRecord): Promise<void> {
  await releaseHost(context, record);
  removeRunDir(context, record.id);
}

/**
 * Removes a container for good, with the volumes that were made for it without a name if `volumes`, or --rm, says so. Its record is the first of its files to go: what a kill in between leaves is no
 * container any more, and the next sweep takes it. The caller owns the container, and no process of it runs.
 */
export async function removeContainer(
  context: EngineContext,
  record: ContainerRecord,
  { endIsRecorded = false, volumes = false }: { endIsRecorded?: boolean; volumes?: boolean } = {},
): Promise<void> {
  const { paths } = context;
  await releaseHost(context, record);
  if (!endIsRecorded) concludeLost(context, record);
  const name = await removeRecord(context, record);
  if (volumes || record.options.autoRemove) await removeItsVolumes(context, record);
  recordEvent(context, containerEvent({ ...record, name }, "destroy"));
  removeTree(containerDir(paths, record.id));
  if (record.userNamespace) releaseIds(paths, record.id);
  releaseName(paths, name, record.id);
  removeRunDir(context, record.id);
}

/** Those that it was given without a name; its record is gone by now, so that it does not count as their user. */
async function removeItsVolumes(context: EngineContext, { mounts = [] }: ContainerRecord): Promise<void> {
  const names = mounts.flatMap((mount) => (mount.type === "volume" && mount.anonymous ? [mount.name] : []));
  if (names.length === 0) return;
  const { removeAnonymous } = await import("./volumes/remove.ts");
  await removeAnonymous(context, names);
}

/** Returns the name that the container had in the end: it may have been renamed since the caller read its record. */
async function removeRecord({ paths }: EngineContext, record: ContainerRecord): Promise<string> {
  using _change = await lockDirectory(paths, record.id);
  const { name } = readRecord(paths, record.id) ?? record;
  rmSync(join(containerDir(paths, record.id), "config.json"), { force: true });
  return name;
}

/**
 * Writes down the end of a container whose monitor was killed before it could. The caller owns the container, and no
 * process of it runs.
 */
export function concludeLost(context: EngineContext, record: ContainerRecord): void {
  const written = readDocument<ContainerState>(statePath(context.paths, record.id));
  if (written === undefined || !isUnfinished(written)) return;
  const lost = lostState(written);
  if (written.status === "running") recordDeath(context, record, lost);
  writeState(context.paths, record, lost);
}

function recordDeath(context: EngineContext, record: ContainerRecord, lost: ContainerState): void {
  const seconds = Math.trunc((Date.parse(lost.finishedAt) - Date.parse(lost.startedAt)) / 1000);
  recordEvent(
    context,
    containerEvent(record, "die", { execDuration: String(seconds), exitCode: String(lost.exitCode) }),
  );
}

/** The part of it that is no file of the container: cgroup, addresses, and volumes that were mounted for it. */
export async function releaseHost(context: EngineContext, record: ContainerRecord): Promise<void> {
  const cgroup = detectCgroupDriver().open(record.cgroupPath);
  // Mostly the monitor has removed it when the container ended.
  if (cgroup.directories.some((directory) => existsSync(directory))) {
    cgroup.kill();
    await cgroup.remove();
  }
  await releasePorts(context.paths, record.id); // before their address is another's
  await releaseNetworks(context, record);
  if (!hasMountedVolume(record)) return;
  const { releaseVolumes } = await import("./volumes/mounted.ts");
  await releaseVolumes(context, record);
}

/**
 * Takes the lock's file along, and so comes last: from then on the container can be another's, who may have made that
 * file anew before the directory is gone. The caller owns the container.
 */
export function removeRunDir({ paths }: Pick<EngineContext, "paths">, id: string): void {
  const directory = containerRunDir(paths, id);
  const lock = basename(ownerLockPath(paths, id));
  for (const name of listDirectory(directory))
    if (name !== lock) rmSync(join(directory, name), { recursive: true, force: true });
  rmSync(join(directory, lock), { force: true });
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

/**
 * Mends what killed processes left: directories of containers that were never completed, runtime state of containers
 * that no longer run, `--rm` containers that nobody removed. Containers that somebody owns are left alone.
 */
export async function sweep(context: EngineContext): Promise<void> {
  const { paths } = context;
  const ids = new Set([...containerIds(paths), ...listDirectory(join(paths.run, "containers"))]);
  for (const id of ids) {
    const record = readRecord(paths, id);
    if (record && !needsMending(context, record)) continue;
    using owned = tryOwnContainer(paths, id);
    if (!owned) continue;
    if (record) await mend(context, record);
    else {
      const step = readDocument<ContainerRecord>(stepRecordPath(paths, id));
      if (step) await releaseHost(context, step);
      removeTree(containerDir(paths, id));
      removeRunDir(context, id);
    }
  }
  releaseStaleNames(context);
  releaseStaleIds(context);
}

/** Ids of a container that was never completed, or is half removed. */
function releaseStaleIds({ paths }: EngineContext): void {
  for (const id of claimants(paths)) {
    if (readRecord(paths, id)) continue;
    using owned = tryOwnContainer(paths, id);
    if (owned && !readRecord(paths, id)) {
      releaseIds(paths, id);
      removeRunDir({ paths }, id);
    }
  }
}

function needsMending({ paths }: EngineContext, record: ContainerRecord): boolean {
  const written = readDocument<ContainerState>(statePath(paths, record.id));
  if (written && isUnfinished(written)) return !isRunning(written);
  const outlivedItself = record.options.autoRemove === true && written?.status === "exited";
  return outlivedItself || listDirectory(containerRunDir(paths, record.id)).length > 0;
}

async function mend(context: EngineContext, record: ContainerRecord): Promise<void> {
  const written = readDocument<ContainerState>(statePath(context.paths, record.id));
  if (written && isUnfinished(written) && isRunning(written)) return; // its monitor was killed, but it lives
  if (record.options.autoRemove && written) return removeContainer(context, record);
  concludeLost(context, record);
  await releaseRuntime(context, record);
}

/** A name whose container was never completed, is half removed, or has another name by now. */
function releaseStaleNames(context: EngineContext): void {
  const { paths } = context;
  for (const name of listDirectory(namesDir(paths))) {
    const id = resolveName(paths, name);
    const record = id === undefined ? undefined : readRecord(paths, id);
    if (id === undefined || record?.name === name) continue;
    if (record) {
      unlessChanging(paths, id, (latest) => {
        if (latest && latest.name !== name) releaseName(paths, name, id);
      });
      continue;
    }
    using owned = tryOwnContainer(paths, id);
    if (!owned) continue;
    releaseName(paths, name, id);
    removeRunDir(context, id);
  }
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
