/**
 * What is remembered of a container: `<root>/<id>/state.json`, the truth about everything that the kernel cannot be asked.
 * Whether a container is created, runs or has stopped is asked of the kernel each time, so that no kill of a runtime at
 * any moment can leave a wrong answer.
 *
 *     <root>/<id>/  state.json   written whole; there from the moment that the directory has its name
 *                   exec.fifo    on which a created container waits for its start
 */
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { processStartTicks } from "../kernel/process.ts";
import type { OciConfig } from "../runtime/oci.ts";
import { readDocument, writeDocument } from "../store/documents.ts";
import type { CgroupLocation } from "./cgroup-location.ts";
import { reopenOciCgroup } from "./container-cgroup.ts";
import { alreadyExists, doesNotExist, invalidId } from "./errors.ts";

/** runtime.md, "State", and "paused", which runc has added. */
export type OciStatus = "creating" | "created" | "running" | "paused" | "stopped";

/** A process that a number names for good: its start in clock ticks since boot tells it from a later one. */
export interface ProcessIdentity {
  pid: number;
  startTime: number;
}

export interface StateDocument {
  ociVersion: string;
  id: string;
  /** The container's first process; 0 before it was made. */
  pid: number;
  startTime: number;
  bundle: string;
  /** Absolute path of the root filesystem's directory. */
  rootfs: string;
  /** RFC 3339, UTC. */
  created: string;
  annotations: Record<string, string>;
  /** Absent where it has none: an ordinary user's. */
  cgroup?: CgroupLocation | undefined;
  /** As the bundle had it at creation: what becomes of config.json later does not matter (runtime.md, "Lifecycle"). */
  config: OciConfig;
  /** Whether the creation is complete. */
  complete: boolean;
  /** Who is creating the container. */
  creator: ProcessIdentity;
}

/** The container's state as hooks and the caller of `state` get it (runtime.md, "State"). */
export interface OciState {
  ociVersion: string;
  id: string;
  pid: number;
  status: OciStatus;
  bundle: string;
  rootfs: string;
  created: string;
  annotations?: Record<string, string>;
}

const DIRECTORY_MODE = 0o711;
/** With what no id may have in it. */
const NEW = ".new:";

export const containerDirectory = (root: string, id: string): string => join(root, id);
const statePath = (root: string, id: string): string => join(root, id, "state.json");
export const startFifo = (root: string, id: string): string => join(root, id, "exec.fifo");

/** Throws ERR_TSRUN_OCI_ID_INVALID for what is no id. */
export function checkId(id: string): void {
  if (!/^[A-Za-z0-9_+.-]+$/.test(id) || id === "." || id === "..") throw invalidId();
}

/** The container's document; throws ERR_TSRUN_OCI_CONTAINER_NOT_FOUND, ERR_TSRUN_OCI_ID_INVALID. */
export function readState(root: string, id: string): StateDocument {
  checkId(id);
  const state = readDocument<StateDocument>(statePath(root, id));
  if (state === undefined) throw doesNotExist();
  return state;
}

export function writeState(root: string, state: StateDocument): void {
  writeDocument(statePath(root, state.id), state, { durable: false, mode: 0o600 });
}

/**
 * Takes the container's name, in one step and with a document in its directory: rename(2) onto a directory that is not
 * empty fails. `fill` puts what else is to be in the directory into it first.
 */
export function claimState(root: string, state: StateDocument, fill: (directory: string) => void): void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  sweep(root);
  const directory = join(root, ownName(state.creator));
  mkdirSync(directory, { mode: DIRECTORY_MODE });
  try {
    writeDocument(join(directory, "state.json"), state, { durable: false, mode: 0o600 });
    fill(directory);
    renameSync(directory, containerDirectory(root, state.id));
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    throw code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR" ? alreadyExists() : error;
  }
}

const ownName = ({ pid, startTime }: ProcessIdentity): string => `${NEW}${pid}-${startTime}`;

/** Removes what a runtime that was killed has left: directories that were never a container's, or are none any more. */
export function sweep(root: string): void {
  if (!existsSync(root)) return;
  for (const name of readdirSync(root)) {
    const [, pid, startTime] = /^\.new:(\d+)-(\d+)/.exec(name) ?? [];
    if (pid === undefined || isAlive({ pid: Number(pid), startTime: Number(startTime) })) continue;
    rmSync(join(root, name), { recursive: true, force: true });
  }
}

/** Forgets the container, by a rename first: a kill leaves either all of it or nothing that counts. */
export function removeState(root: string, id: string): void {
  const gone = join(root, `${ownName(self())}-${id}`);
  try {
    renameSync(containerDirectory(root, id), gone);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  rmSync(gone, { recursive: true, force: true });
  sweep(root);
}

/** The ids below a root, sorted; throws what readdir(2) does. */
export function listIds(root: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(NEW))
    .map(({ name }) => name)
    .sort();
}

/** Whether the process that is meant is there and no zombie. */
export const isAlive = ({ pid, startTime }: ProcessIdentity): boolean =>
  pid > 0 && processStartTicks(pid) === startTime;

/** This process. */
export const self = (): ProcessIdentity => ({
  pid: process.pid,
  startTime: processStartTicks(process.pid) ?? 0,
});

/** What the container is, by the kernel's word. */
export function statusOf(root: string, state: StateDocument): OciStatus {
  if (!state.complete && isAlive(state.creator)) return "creating";
  if (!isAlive(state)) return "stopped";
  if (reopenOciCgroup(state.cgroup).driven.frozen()) return "paused";
  return awaitsStart(root, state.id) ? "created" : "running";
}

/** Somebody reads the fifo: only a created container does, until its execve(2) closes it (fifo(7), ENXIO). */
function awaitsStart(root: string, id: string): boolean {
  const fd = openStart(root, id);
  if (fd === undefined) return false;
  closeSync(fd);
  return true;
}

/** The end of the fifo that starts the container with a byte; undefined where nobody waits for it. */
export function openStart(root: string, id: string): number | undefined {
  try {
    return openSync(startFifo(root, id), constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENXIO" || code === "ENOENT") return undefined;
    throw error;
  }
}

/** The state to be told; a container that has stopped has no process. */
export function publicState(state: StateDocument, status: OciStatus): OciState {
  const { ociVersion, id, bundle, rootfs, created, annotations } = state;
  const pid = status === "stopped" ? 0 : state.pid;
  return {
    ...{ ociVersion, id, pid, status, bundle, rootfs, created },
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}
