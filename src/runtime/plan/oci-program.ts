/** How the Plan of every OCI process ends, a container's first one or one that joins: who it is, and the program it becomes. */
import type { OciProcess } from "../oci.ts";
import {
  candidatePaths,
  execSteps,
  identitySteps,
  lateFilterSteps,
  type SeccompFilter,
  stdioSteps,
} from "./identity.ts";
import { descriptorSteps } from "./oci-process.ts";
import type { Step } from "./plan.ts";

/** Standard input, output and error: the terminal that was opened, or the caller's own. */
export function ociStdioSteps(process: OciProcess, terminal: "pty" | "inherit"): Step[] {
  if (terminal === "pty") return stdioSteps(process);
  return [
    {
      op: "chownStdio",
      uid: process.user.uid,
      why: "The process's user may reopen /dev/stdout, as servers do that log to it.",
    },
  ];
}

export interface OciProgramOptions {
  seccomp: SeccompFilter | undefined;
  /** How many descriptors of the caller the program gets from 3 on. */
  preserveFds: number;
  /** In a user namespace the groups may be out of reach (user_namespaces(7), "setgroups"). */
  mayLackGroups: boolean;
  /** Steps that hold the process back when all else is done. */
  gate?: readonly Step[];
}

export function ociProgramSteps(process: OciProcess, options: OciProgramOptions): Step[] {
  const { seccomp, preserveFds, mayLackGroups, gate = [] } = options;
  return [
    {
      op: "chdir",
      path: process.cwd,
      tolerate: ["EACCES", "EPERM"],
      why: "The working directory, for whose sake the process's user need not be allowed to enter it.",
    },
    ...descriptorSteps(preserveFds),
    ...identitySteps(process, seccomp, { outlivesMonitor: true, mayLackGroups, retriesDirectory: true }),
    ...execSteps(process, {
      closed: true,
      before: [
        ...findSteps(process),
        ...lateFilterSteps(process, seccomp, { listens: true }),
        ...gate,
        ...lateFilterSteps(process, seccomp, { listens: false }),
      ],
    }),
  ];
}

/** There may be no program yet: creation does without one (runtime.md, "Create"), and `start` does not. */
function findSteps(process: OciProcess): Step[] {
  if (process.args.length === 0) return [];
  return [
    {
      op: "findProgram",
      candidates: candidatePaths(process),
      why: "Missed by its name while the caller still listens, and whatever the filter makes of execve(2).",
    },
  ];
}
