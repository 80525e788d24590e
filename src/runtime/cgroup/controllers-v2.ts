/**
 * Enabling controllers on cgroup v2. A controller works in a cgroup only if every cgroup above it names the controller
 * in cgroup.subtree_control, from the root down (cgroups(7), "Managing v2 controllers").
 */
import { readControl, writeControl } from "../../kernel/cgroupfs.ts";
import { SyscallError } from "../../kernel/errors.ts";
import { controllerMissing, internalProcesses } from "./errors.ts";
import type { Controller, Setting } from "./setting.ts";

/** Enabled wherever the host has them, limits or not: `stats` reads their counters. */
const COUNTING: readonly Controller[] = ["cpu", "io", "memory", "pids"];

const listed = (file: string): Set<string> => new Set(readControl(file).split(" "));

/**
 * Enables in every cgroup from the mount point down to `parent` ("/tsrun") what the settings need, and what counts.
 * Throws ERR_TSRUN_CGROUP_CONTROLLER_MISSING or ERR_TSRUN_CGROUP_INTERNAL_PROCESSES.
 */
export function enableControllers(mount: string, parent: string, settings: readonly Setting[]): void {
  const options = new Map(settings.map(({ controller, option }) => [controller, option]));
  const wanted = new Set<Controller>([...COUNTING, ...options.keys()]);
  const enabledAtParent = listed(`${mount}${parent}/cgroup.subtree_control`);
  if ([...wanted].every((controller) => enabledAtParent.has(controller))) return;

  for (const directory of fromRoot(mount, parent)) {
    const available = listed(`${directory}/cgroup.controllers`);
    const enabled = listed(`${directory}/cgroup.subtree_control`);
    for (const controller of wanted) {
      if (enabled.has(controller)) continue;
      const option = options.get(controller);
      const refusal = available.has(controller)
        ? tryEnable(directory, controller, option)
        : controllerMissing(2, controller, { where: directory, ...(option === undefined ? {} : { option }) });
      if (refusal === undefined) continue;
      if (option !== undefined) throw refusal;
      wanted.delete(controller);
    }
  }
}

function tryEnable(directory: string, controller: Controller, option: string | undefined): Error | undefined {
  try {
    writeControl(`${directory}/cgroup.subtree_control`, `+${controller}`);
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (error.code === "EBUSY") return internalProcesses(controller, directory, error);
    return controllerMissing(2, controller, {
      where: directory,
      cause: error,
      ...(option === undefined ? {} : { option }),
    });
  }
}

/** The mount point and each directory on the way to `path`. */
function fromRoot(mount: string, path: string): string[] {
  const directories = [mount];
  let directory = mount;
  for (const name of path.split("/").filter((each) => each !== "")) {
    directory += `/${name}`;
    directories.push(directory);
  }
  return directories;
}
