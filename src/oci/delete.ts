/** delete: undoes what create has made. */
import { reopenOciCgroup } from "./container-cgroup.ts";
import { wrongStatus } from "./errors.ts";
import { runHooks } from "./hooks.ts";
import { killNow, sharesPids } from "./kill.ts";
import { publicState, readState, removeState, type StateDocument, statusOf, sweep } from "./state.ts";
import { warn } from "./warnings.ts";

/**
 * Deletes a container that has stopped, or was never started; any other one with `force`, by which also a container that
 * does not exist is no error. Throws ERR_TSRUN_OCI_STATUS, ERR_TSRUN_OCI_CONTAINER_NOT_FOUND.
 */
export async function deleteContainer(root: string, id: string, { force = false } = {}): Promise<void> {
  let state: StateDocument;
  try {
    state = readState(root, id);
  } catch (error) {
    if (force && (error as { code?: string }).code === "ERR_TSRUN_OCI_CONTAINER_NOT_FOUND") {
      sweep(root);
      return;
    }
    throw error;
  }
  const status = statusOf(root, state);
  if (!force && status !== "stopped" && status !== "created") {
    throw wrongStatus(`cannot delete container ${id} that is not stopped: ${status}`);
  }
  if (force || status === "created") await killNow(state);
  await destroy(root, state);
}

/** Removes what is left of a container whose first process is gone, and tells the poststop hooks. */
export async function destroy(root: string, state: StateDocument): Promise<void> {
  const group = reopenOciCgroup(state.cgroup).driven;
  if (sharesPids(state)) group.kill();
  await group.remove();
  removeState(root, state.id);
  for (const hook of state.config.hooks?.poststop ?? []) {
    try {
      runHooks([hook], { name: "poststop", state: publicState(state, "stopped") });
    } catch (error) {
      warn((error as Error).message);
    }
  }
}
