/** The Plan of `exec`: a process in a container that is running. */
import type { OciProcess } from "../oci.ts";
import {
  execSteps,
  identitySteps,
  lateFilterSteps,
  OWN_KEYRING_STEP,
  oomScoreSteps,
  rlimitSteps,
  type SeccompFilter,
  stdioSteps,
} from "./identity.ts";
import { streamSteps } from "./mapped-root.ts";
import { ROOT_STEPS } from "./oci-namespaces.ts";
import { labelSteps } from "./oci-process.ts";
import type { Plan, Step } from "./plan.ts";

export interface ExecPlanInput {
  process: OciProcess;
  cgroup: { cloneInto: boolean; procsFiles: readonly string[] };
  seccomp: SeccompFilter | undefined;
  /** The process's user on the host, where the container has a user namespace of its own. */
  hostUid?: number | undefined;
}

/** Slot "init" holds a pidfd of the container's first process; "cgroup" its cgroup, where cloned into. */
export function execPlan({ process, cgroup, seccomp, hostUid }: ExecPlanInput): Plan {
  const isMapped = hostUid !== undefined;
  const { height = 0, width = 0 } = process.consoleSize ?? {};
  const terminal: Step[] = process.terminal
    ? [{ op: "openPty", rows: height, columns: width, why: "A terminal from the container's own /dev/pts." }]
    : [];
  const steps: Step[] = [
    {
      op: "setns",
      fd: "init",
      flags: ["CLONE_NEWPID"],
      why: "A process keeps its pid namespace for life: this one is for the children to come (setns(2)).",
    },
    {
      op: "clone",
      flags: [],
      ...(cgroup.cloneInto ? { cgroup: "cgroup" } : {}),
      why: "The new process, a member of the container's pid namespace.",
    },
    ...cgroup.procsFiles.map(
      (path): Step => ({
        op: "writeFile",
        path,
        data: "0",
        why: "Joins the container's cgroup of this controller.",
      }),
    ),
    // Through the host's /proc: what a running container has made of its own cannot be known.
    ...oomScoreSteps(process),
    { op: "setsid", why: "A session of its own: signals of the user's terminal do not reach it." },
    ...(isMapped ? [...rlimitSteps(process), ...streamSteps(process, hostUid)] : [OWN_KEYRING_STEP]),
    {
      op: "setns",
      fd: "init",
      flags: [
        ...(isMapped ? (["CLONE_NEWUSER"] as const) : []),
        "CLONE_NEWNS",
        "CLONE_NEWUTS",
        "CLONE_NEWIPC",
        "CLONE_NEWNET",
        "CLONE_NEWCGROUP",
      ],
      why: "The container's other namespaces, all at once through the pidfd of its init (Linux 5.8).",
    },
    ...(isMapped ? [...ROOT_STEPS, OWN_KEYRING_STEP] : []),
    ...terminal,
    ...labelSteps(process),
    ...(isMapped ? [] : rlimitSteps(process)),
    ...stdioSteps(process),
    ...identitySteps(process, seccomp),
    ...lateFilterSteps(process, seccomp),
    ...execSteps(process),
  ];
  return { fds: ["init", ...(cgroup.cloneInto ? ["cgroup"] : [])], steps };
}
