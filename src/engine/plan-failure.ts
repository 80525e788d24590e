/** A step of a Plan failed: which one, why, in words. */
import { posix } from "node:path";
import { TsrunError } from "../errors.ts";
import { errnoName } from "../kernel/errors.ts";
import { filesystemAt } from "../kernel/mount.ts";
import { isRootless } from "../kernel/rootless.ts";
import { NO_STEP } from "../runtime/frames.ts";
import type { StepFailure } from "../runtime/monitor-client.ts";
import type { OciProcess } from "../runtime/oci.ts";
import { describeStep } from "../runtime/plan/describe.ts";
import { USERNS_SLOT } from "../runtime/plan/mounts.ts";
import { namespaceSlot } from "../runtime/plan/oci-input.ts";
import type { Plan, Step } from "../runtime/plan/plan.ts";

const HOST_ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  ia32: "386",
  arm: "arm",
};

/**
 * The error to report. An execve(2) that failed is looked into with the eyes of the child, which still waits in its
 * namespaces; any other step is named with its number.
 */
export async function planFailure(
  plan: Plan,
  process: OciProcess,
  failure: StepFailure,
): Promise<TsrunError> {
  if (failure.step === NO_STEP) {
    return new TsrunError(
      "ERR_TSRUN_START_UNRECORDED",
      `cannot write down that the container runs: ${errnoName(failure.errno)}`,
      {
        hint: "make room on the filesystem that holds the containers (TSRUN_ROOT); `df` shows how full it is",
      },
    );
  }
  const step = plan.steps[failure.step];
  if (step === undefined)
    return new TsrunError(
      "ERR_TSRUN_PLAN_REJECTED",
      `the monitor refused the plan: ${errnoName(failure.errno)}`,
    );
  if (step.op === "execve" && failure.pid !== 0) return execFailure(step.candidates, process, failure);
  const where = `step ${failure.step + 1} of ${plan.steps.length}`;
  const message = `${describeStep(step)}: ${errnoName(failure.errno)} (${where})`;
  if (step.op === "chdir" && step.path === process.cwd) {
    return new TsrunError("ERR_TSRUN_WORKDIR_UNUSABLE", message, {
      hint: `check that ${process.cwd} is a directory which user ${process.user.uid} may enter`,
      exitCode: 126,
    });
  }
  if (step.op === "idmap" && step.userns === USERNS_SLOT) return unmappable(plan, step.slot, message);
  if (isOverlay(step) && errnoName(failure.errno) === "EINVAL" && plan.fds.includes(USERNS_SLOT)) {
    return new TsrunError("ERR_TSRUN_USERNS_UNSUPPORTED", message, {
      hint: "a user namespace of its own needs overlayfs over mapped layers, Linux 5.19: leave --userns and userns-remap out, or write --userns=host",
    });
  }
  if (step.op === "idmap" && isRootless()) {
    return new TsrunError("ERR_TSRUN_MOUNT_IDMAP_UNSUPPORTED", message, {
      hint: "the kernel maps owners for the host's root only: leave U out, and give the files to the container's user by `chown` in a container",
    });
  }
  if (step.op === "idmap") {
    return new TsrunError("ERR_TSRUN_MOUNT_IDMAP_UNSUPPORTED", message, {
      hint: `the filesystem of the mount for ${step.slot.replace(/^bind:/, "")} knows no idmapped mounts, or not with this kernel: leave U out, and chown the files`,
    });
  }
  // pid_namespaces(7): where the init has ended, no process can be made any more.
  if (
    step.op === "clone" &&
    errnoName(failure.errno) === "ENOMEM" &&
    plan.fds.includes(namespaceSlot("pid"))
  ) {
    return new TsrunError("ERR_TSRUN_CONTAINER_NOT_RUNNING", `${message}: the container to join has ended`, {
      hint: "start that one first: `tsrun ps -a` lists all containers",
    });
  }
  const hint = mismatch(step, errnoName(failure.errno)) ?? step.why;
  return new TsrunError("ERR_TSRUN_STEP_FAILED", message, { hint });
}

const isOverlay = (step: Step): boolean =>
  step.op === "mountOverlay" || (step.op === "mount" && step.fstype === "overlay");

/** Layers, container or volume are on a filesystem that knows no idmapped mounts. */
function unmappable(plan: Plan, slot: string, message: string): TsrunError {
  const opened = plan.steps.find((step) => step.op === "openTree" && step.slot === slot);
  const path = opened?.op === "openTree" ? posix.resolve(opened.within ?? "/", opened.path) : slot;
  const type = filesystemAt(path);
  return new TsrunError("ERR_TSRUN_USERNS_UNSUPPORTED", `${message}: ${path} is on ${type}`, {
    hint: `${type} has no idmapped mounts with this kernel: keep data on ext4, xfs or btrfs (TSRUN_ROOT), or do without: run --userns=host, and build without userns-remap`,
  });
}

/** A file where a directory should be, or the other way round. move_mount(2) reports that as EINVAL. */
function mismatch(step: Plan["steps"][number], errno: string): string | undefined {
  if (step.op === "moveMount" && errno === "EINVAL") {
    return `a file cannot be mounted on a directory, nor a directory on a file: check what ${step.target} is in the image`;
  }
  if ((step.op !== "mkdir" && step.op !== "touch") || errno !== "ENOTDIR") return undefined;
  return `${step.path} is needed as a ${step.op === "mkdir" ? "directory" : "file"}, but it or a part of it is something else in the image`;
}

async function execFailure(
  candidates: string[],
  process: OciProcess,
  failure: StepFailure,
): Promise<TsrunError> {
  const { diagnoseExec } = await import("../runtime/diagnose.ts");
  const { openRootProbe } = await import("../runtime/root-probe.ts");
  const { readBinfmtHandlers } = await import("../runtime/binfmt.ts");
  using probe = openRootProbe(posix.join("/proc", String(failure.pid), "root"));
  const { uid, gid, additionalGids = [] } = process.user;
  return diagnoseExec({
    probe,
    candidates,
    argv0: process.args[0] ?? "",
    errno: failure.errno,
    path: process.env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length),
    hostArch: HOST_ARCHITECTURES[globalThis.process.arch] ?? globalThis.process.arch,
    binfmt: readBinfmtHandlers(),
    cwd: process.cwd,
    user: { uid, gid, additionalGids },
  });
}
