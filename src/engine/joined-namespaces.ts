/** The namespaces of other containers that one joins which is about to start; loaded where there are any. */
import { closeSync, openSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { MOUNT_SLOTS, namespaceSlot } from "../runtime/plan/joined.ts";
import type { Paths } from "../store/paths.ts";
import { type JoinableNamespace, joinedContainers } from "./namespace-modes.ts";
import { resolveContainer } from "./records.ts";
import { isRunning, readState } from "./state.ts";
import type { ContainerRecord, ContainerState } from "./types.ts";

/**
 * Descriptors by their slots, for the caller to close. Throws ERR_TSRUN_CONTAINER_NOT_RUNNING, _NOT_FOUND and
 * ERR_TSRUN_NAMESPACE_UNSUPPORTED where it is a container's that does not share it.
 */
export function openJoinedNamespaces(paths: Paths, { options }: ContainerRecord): Record<string, number> {
  const fds: Record<string, number> = {};
  try {
    for (const { type, container } of joinedContainers(options)) {
      const record = resolveContainer(paths, container);
      requireShared(type, record);
      const state = readState(paths, record.id);
      if (state.status !== "running") throw notRunning(type, record);
      fds[namespaceSlot(type)] = openNamespace(type, record, state);
      if (type !== "ipc") continue;
      fds[MOUNT_SLOTS.theirs] = openNamespace("mnt", record, state);
      fds[MOUNT_SLOTS.own] = openSync("/proc/self/ns/mnt", "r");
    }
    return fds;
  } catch (error) {
    for (const fd of Object.values(fds)) closeSync(fd);
    throw error;
  }
}

/** The number may be another process's by now: what was opened is the container's if that still runs. */
function openNamespace(file: string, record: ContainerRecord, state: ContainerState): number {
  let fd: number;
  try {
    fd = openSync(`/proc/${state.pid}/ns/${file}`, "r");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? ""))
      throw notRunning(file, record);
    throw error;
  }
  if (isRunning(state)) return fd;
  closeSync(fd);
  throw notRunning(file, record);
}

function requireShared(type: JoinableNamespace, record: ContainerRecord): void {
  const name = type.toUpperCase();
  if (record.userNamespace !== undefined) {
    throw new TsrunError(
      "ERR_TSRUN_NAMESPACE_UNSUPPORTED",
      `cannot join ${name} of container ${record.id}: it has a user namespace of its own`,
      { hint: "both containers need the host's users: create that one with --userns=host" },
    );
  }
  if (type === "ipc" && record.options.ipc !== "shareable") {
    throw new TsrunError(
      "ERR_TSRUN_NAMESPACE_UNSUPPORTED",
      `cannot join IPC of container ${record.id}: non-shareable IPC`,
      { hint: "create that container with --ipc shareable" },
    );
  }
}

const notRunning = (type: string, record: ContainerRecord): TsrunError =>
  new TsrunError(
    "ERR_TSRUN_CONTAINER_NOT_RUNNING",
    `cannot join ${type === "pid" ? "PID" : "IPC"} of a non running container: ${record.id}`,
    { hint: `tsrun start ${record.name}` },
  );
