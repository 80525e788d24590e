/** start: the program of a created container. */
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { flock } from "../kernel/lock.ts";
import { destroy } from "./delete.ts";
import { ociError, wrongStatus } from "./errors.ts";
import { runHooks } from "./hooks.ts";
import { killNow } from "./kill.ts";
import { type NotifySocket, openNotifySocket, passReadiness } from "./notify.ts";
import { startContainerHooks } from "./start-hooks.ts";
import {
  containerDirectory,
  openStart,
  publicState,
  readState,
  type StateDocument,
  startFifo,
  statusOf,
} from "./state.ts";

/**
 * Starts the program; throws ERR_TSRUN_OCI_STATUS where the container is not created. `manager` is the socket of a service
 * manager: it returns when the container is ready then.
 */
export async function startContainer(root: string, id: string, manager?: string): Promise<void> {
  const state = readState(root, id);
  let notify: NotifySocket | undefined;
  // One start at a time: hooks may take long.
  const lock = openSync(containerDirectory(root, id), "r");
  try {
    if (!flock(lock)) throw wrongStatus("cannot start a container that is being started");
    checkStatus(root, state);
    notify = openNotifySocket(manager, containerDirectory(root, id));
    await begin(root, state);
  } finally {
    closeSync(lock);
  }
  await passReadiness(notify, state);
}

async function begin(root: string, state: StateDocument): Promise<void> {
  if (state.config.process === undefined) throw wrongStatus("cannot start a container without a process");
  const fd = openStart(root, state.id);
  if (fd === undefined) throw wrongStatus("cannot start a container that has stopped");
  try {
    await orKill(root, state, () => startContainerHooks(state));
    if (writeSync(fd, Buffer.of(0)) !== 1)
      throw ociError("ERR_TSRUN_OCI_INIT_DIED", "container init process died");
    rmSync(startFifo(root, state.id), { force: true });
  } finally {
    closeSync(fd);
  }
  await orKill(root, state, () => {
    runHooks(state.config.hooks?.poststart, { name: "poststart", state: publicState(state, "running") });
  });
}

function checkStatus(root: string, state: StateDocument): void {
  const status = statusOf(root, state);
  if (status === "created") return;
  if (status === "stopped") throw wrongStatus("cannot start a container that has stopped");
  if (status === "running") throw wrongStatus("cannot start an already running container");
  throw wrongStatus(`cannot start a container in the ${status} state`);
}

/** A hook that fails takes the container with it (runtime.md, "Lifecycle"). */
export async function orKill(
  root: string,
  state: StateDocument,
  action: () => void | Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    await killNow(state);
    await destroy(root, state);
    throw error;
  }
}
