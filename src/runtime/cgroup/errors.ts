/** The refusals of cgroups in words, each with what the user can do. */

import { TsrunError } from "../../errors.ts";
import type { SyscallError } from "../../kernel/errors.ts";

/** A limit needs a controller that is not there. */
export function controllerMissing(
  version: 1 | 2,
  controller: string,
  options: { option?: string | undefined; where?: string; cause?: unknown } = {},
): TsrunError {
  const asked = options.option === undefined ? "" : `${options.option} needs `;
  const where = options.where === undefined ? "" : ` in ${options.where}`;
  return new TsrunError(
    "ERR_TSRUN_CGROUP_CONTROLLER_MISSING",
    `${asked}the cgroup v${version} controller "${controller}", which is not available${where}`,
    { hint: howToEnable(version, controller), cause: options.cause },
  );
}

function howToEnable(version: 1 | 2, controller: string): string {
  const boot = `if /proc/cgroups shows ${controller} disabled, boot with cgroup_enable=${controller} on the kernel command line`;
  if (version === 1) {
    return `mount it: mount -t cgroup -o ${controller} cgroup /sys/fs/cgroup/${controller}; ${boot}`;
  }
  return (
    `enable it from the top down: echo +${controller} > /sys/fs/cgroup/cgroup.subtree_control, or under systemd ` +
    `delegate it: Delegate=cpu cpuset io memory pids in the unit that runs tsrun; ${boot}`
  );
}

/** cgroups(7), "no internal processes": a v2 group below the root has processes or controllers for its children. */
export function internalProcesses(controller: string, directory: string, cause?: SyscallError): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_CGROUP_INTERNAL_PROCESSES",
    `cannot enable the controller "${controller}" below ${directory}: processes run directly in that cgroup`,
    {
      hint:
        "cgroup v2 lets a group have either processes of its own or children with controllers: " +
        `move them into a child first, e.g. mkdir ${directory}/init; then write each pid of ` +
        `${directory}/cgroup.procs to ${directory}/init/cgroup.procs`,
      cause,
    },
  );
}

/** Values that contradict each other or this host. */
export function limitInvalid(message: string, hint: string): TsrunError {
  return new TsrunError("ERR_TSRUN_CGROUP_LIMIT_INVALID", message, { hint });
}

/** This kernel, or this version of cgroups, has no such limit. */
export function limitUnsupported(option: string, why: string, hint: string): TsrunError {
  return new TsrunError("ERR_TSRUN_CGROUP_LIMIT_UNSUPPORTED", `${option} cannot be applied: ${why}`, {
    hint,
  });
}

/** The kernel said no to a value. */
export function limitRefused(option: string, file: string, value: string, cause: SyscallError): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_CGROUP_LIMIT_REFUSED",
    `${option}: the kernel refused "${value}" for ${file}: ${cause.code}`,
    { hint: whyRefused(file, cause.code), cause },
  );
}

function whyRefused(file: string, code: string): string {
  if (code === "ENODEV") return "name a whole disk of this host (see lsblk): partitions cannot be limited";
  if (code === "EBUSY") return "the container uses more than that now";
  if (file === "memory.limit_in_bytes")
    return "memory may not exceed memory plus swap: raise --memory-swap as well";
  if (code === "EACCES" || code === "EPERM") return "run as root, or in a cgroup that is delegated to you";
  return "the value is outside of what this host's kernel accepts for that file";
}

/** The cgroup's directory cannot be made. */
export function cannotCreate(directory: string, cause: SyscallError): TsrunError {
  const hint: Record<string, string> = {
    EBUSY: "processes still run in a cgroup of that name: end them, or choose another name",
    EROFS: "the cgroup filesystem is mounted read-only, as in an unprivileged container: mount it writable",
    EACCES: "run as root, or in a cgroup that is delegated to you",
    EPERM: "run as root, or in a cgroup that is delegated to you",
    EAGAIN: "cgroup.max.descendants or cgroup.max.depth of a parent is reached",
  };
  return new TsrunError("ERR_TSRUN_CGROUP_CREATE", `cannot make the cgroup ${directory}: ${cause.code}`, {
    hint: hint[cause.code] ?? "see the cgroup filesystem with: findmnt -t cgroup,cgroup2",
    cause,
  });
}
