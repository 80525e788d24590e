/**
 * Enabling controllers on cgroup v2. A controller works in a cgroup only if every cgroup above it names the controller
 * in cgroup.subtree_control, from the root down (cgroups(7), "Managing v2 controllers").
 */
import { readControl, readControlIfAny, writeControl } from "../../kernel/cgroupfs.ts";
import { SyscallError } from "../../kernel/errors.ts";
import { controllerMissing, internalProcesses } from "./errors.ts";
import type { Controller, Setting } from "./setting.ts";

/** Enabled wherever the host has them, limits or not: `stats` reads their counters. */
const COUNTING: readonly Controller[] = ["cpu", "io", "memory", "pids"];

const listed = (file: string): Set<string> =>
  new Set(
    readControl(file)
      .split(" ")
      .filter((each) => each !== ""),
  );

/** The prefix of the files that every cgroup has, whatever is enabled. */
const CORE = "cgroup";

/**
 * Enables in every cgroup from the mount point down to `parent` ("/tsrun") what the settings need, and what counts, or
 * `all` that the host has. Throws ERR_TSRUN_CGROUP_CONTROLLER_MISSING or ERR_TSRUN_CGROUP_INTERNAL_PROCESSES.
 */
export function enableControllers(
  mount: string,
  parent: string,
  { settings, all = false }: { settings: readonly Setting[]; all?: boolean },
): void {
  // Of several options that need a controller the first is named: --memory rather than what it implies.
  const options = new Map(settings.toReversed().map(({ controller, option }) => [controller, option]));
  options.delete(CORE);
  const others = all ? listed(`${mount}/cgroup.controllers`) : COUNTING;
  const wanted = new Set<Controller>([...others, ...options.keys()]);
  const enabledAtParent = listed(`${mount}${parent}/cgroup.subtree_control`);
  if ([...wanted].every((controller) => enabledAtParent.has(controller))) return;

  for (const directory of fromRoot(mount, parent)) {
    const available = listed(`${directory}/cgroup.controllers`);
    const enabled = listed(`${directory}/cgroup.subtree_control`);
    const lacking = [...wanted].filter((controller) => !enabled.has(controller));
    if (lacking.length > 0 && hasProcessesOfItsOwn(directory)) {
      const required = lacking.find((controller) => options.has(controller));
      if (required !== undefined) throw internalProcesses(required, directory);
      return;
    }
    for (const controller of lacking) {
      const option = options.get(controller);
      const refusal = available.has(controller)
        ? tryEnable(directory, controller, option)
        : controllerMissing(2, controller, { where: directory, option });
      if (refusal === undefined) continue;
      if (option !== undefined) throw refusal;
      wanted.delete(controller);
    }
  }
}

/**
 * Asked before the kernel is: below processes it refuses memory and io with EBUSY, but takes cpu and pids and makes
 * threaded cgroups of the children, which no process can then join (cgroups(7), "Cgroups v2 thread mode"). The root
 * of the hierarchy, which alone has no cgroup.type, may have both.
 */
function hasProcessesOfItsOwn(directory: string): boolean {
  return (
    readControlIfAny(`${directory}/cgroup.type`) !== undefined &&
    readControl(`${directory}/cgroup.procs`) !== ""
  );
}

function tryEnable(directory: string, controller: Controller, option: string | undefined): Error | undefined {
  try {
    writeControl(`${directory}/cgroup.subtree_control`, `+${controller}`);
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (error.code === "EBUSY") return internalProcesses(controller, directory, error);
    return controllerMissing(2, controller, { where: directory, option, cause: error });
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
