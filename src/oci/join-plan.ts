/** The Plan of a process that joins a container: `exec`, and hooks in it. */
import type { OciConfig, OciProcess } from "../runtime/oci.ts";
import { execPlan } from "../runtime/plan/exec-plan.ts";
import type { SeccompFilter } from "../runtime/plan/identity.ts";
import type { Plan, Step } from "../runtime/plan/plan.ts";
import type { CgroupJoin } from "./container-cgroup.ts";
import { joinedNamespaces } from "./namespaces.ts";

export interface JoinInput {
  config: OciConfig;
  process: OciProcess;
  /** Executed instead of process.args[0]. */
  program?: string;
  cgroup: CgroupJoin;
  seccomp: SeccompFilter | undefined;
  preserveFds?: number | undefined;
  /** Slots of the standard streams; without them, the caller's own. */
  streams?: readonly string[];
}

export function joinPlan({
  config,
  process,
  program,
  cgroup,
  seccomp,
  preserveFds = 0,
  streams,
}: JoinInput): Plan {
  const flags = joinedNamespaces(config);
  const own = new Set(flags);
  const plan = execPlan({
    process,
    cgroup: { cloneInto: cgroup.cloneFd !== undefined, procsFiles: cgroup.procsFiles },
    seccomp,
  });
  const adapt = (step: Step): Step[] => {
    if (step.op === "prctl" && step.option === "PR_SET_PDEATHSIG") return [];
    if (step.op === "setns") {
      const kept = step.flags.filter((flag) => own.has(flag));
      return kept.length === 0 ? [] : [{ ...step, flags: kept }];
    }
    if (step.op === "dup2" && streams) return [{ ...step, fd: streams[step.to] ?? step.fd }];
    if (step.op === "chownStdio" && streams) return [];
    if (step.op === "closeRange") return [{ ...step, first: 3 + preserveFds }];
    if (step.op === "execve" && program !== undefined) return [{ ...step, candidates: [program] }];
    return [step];
  };
  return { fds: [...plan.fds, ...(streams ?? [])], steps: plan.steps.flatMap(adapt) };
}
