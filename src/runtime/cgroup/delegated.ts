/**
 * The part of the cgroup v2 tree that is the user's (cgroups(7), "Delegation"). A process can be moved, or started,
 * into a cgroup only by somebody who may write to cgroup.procs of the nearest ancestor that both have in common; so it
 * has to be a subtree that this process is in itself.
 */
import { accessSync, constants, readFileSync } from "node:fs";
import { dirname } from "node:path";

/** The topmost cgroup of this process's that it may write to, as a path of the hierarchy: "/user.slice/…"; undefined for none. */
export function delegatedCgroup(mount: string): string | undefined {
  let topmost: string | undefined;
  for (let path = ownCgroup(); path !== undefined && isWritable(`${mount}${path}`); ) {
    topmost = path;
    path = path === "/" ? undefined : dirname(path);
  }
  return topmost;
}

/** proc_pid_cgroup(5): "0::/path". */
function ownCgroup(): string | undefined {
  return /^0::(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "latin1"))?.[1];
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    accessSync(`${directory}/cgroup.procs`, constants.W_OK);
    accessSync(`${directory}/cgroup.subtree_control`, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
