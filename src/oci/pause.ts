/** pause and resume: the container's processes held by the freezer of their cgroup, which alone knows of it. */
import { reopenOciCgroup } from "./container-cgroup.ts";
import { notRunning, wrongStatus } from "./errors.ts";
import { readState, statusOf } from "./state.ts";

/** Throws ERR_TSRUN_OCI_NOT_RUNNING where it is neither running nor created. */
export async function pauseContainer(root: string, id: string): Promise<void> {
  const state = readState(root, id);
  const status = statusOf(root, state);
  if (status !== "running" && status !== "created") throw notRunning();
  await reopenOciCgroup(state.cgroup).driven.freeze();
}

/** Throws ERR_TSRUN_OCI_STATUS where it is not paused. */
export async function resumeContainer(root: string, id: string): Promise<void> {
  const state = readState(root, id);
  if (statusOf(root, state) !== "paused") throw wrongStatus("container not paused");
  await reopenOciCgroup(state.cgroup).driven.thaw();
}
