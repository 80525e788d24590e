/** ps: which processes are in the container. */
import { reopenOciCgroup } from "./container-cgroup.ts";
import { readState } from "./state.ts";

/** Process ids as this pid namespace has them; undefined where the container's cgroup is gone with its processes. */
export function processesOf(root: string, id: string): number[] | undefined {
  const cgroup = reopenOciCgroup(readState(root, id).cgroup);
  return cgroup.exists() ? cgroup.driven.pids() : undefined;
}
