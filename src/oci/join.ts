/** What every process that joins a container has in common. */
import { lacksHostRoot } from "../kernel/rootless.ts";
import type { OciExecPlanInput } from "../runtime/plan/oci-exec-plan.ts";
import type { CgroupJoin } from "./container-cgroup.ts";
import type { StateDocument } from "./state.ts";

export function joinInput(
  { id, config: { linux } }: StateDocument,
  cgroup: CgroupJoin,
  seccomp: OciExecPlanInput["seccomp"],
): Omit<OciExecPlanInput, "process" | "terminal" | "preserveFds"> {
  return {
    id,
    namespaces: linux.namespaces.map(({ type }) => type),
    cgroup: { cloneInto: cgroup.cloneFd !== undefined, procsFiles: cgroup.procsFiles },
    seccomp,
    noNewKeyring: false,
    rootless: lacksHostRoot(),
    ...(linux.memoryPolicy && { memoryPolicy: linux.memoryPolicy }),
    ...(linux.personality && { personality: linux.personality }),
  };
}
