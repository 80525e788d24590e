/** What an OCI process has beyond user and capabilities: labels, priorities, a keyring, descriptors of the caller's. */
import type { ContainerConfig, OciProcess } from "../oci.ts";
import { closeStep } from "./identity.ts";
import { type OciPlanInput, preserveSlots } from "./oci-input.ts";
import type { Step } from "./plan.ts";

export const UNDUMPABLE_STEP: Step = {
  op: "prctl",
  option: "PR_SET_DUMPABLE",
  value: 0,
  why: "Nobody who is in the namespaces already may look into this process or take its descriptors (ptrace(2)).",
};

export function keyringSteps({ id, noNewKeyring }: Pick<OciPlanInput, "id" | "noNewKeyring">): Step[] {
  if (noNewKeyring) return [];
  return [
    {
      op: "sessionKeyring",
      name: `_ses.${id ?? "container"}`,
      why: "The caller's keys stay the caller's (session-keyring(7)).",
    },
  ];
}

/** The kernel takes them for the next execve(2). */
export function labelSteps({ apparmorProfile, selinuxLabel }: OciProcess): Step[] {
  const write = (path: string, data: string, why: string): Step => ({ op: "writeFile", path, data, why });
  return [
    ...(apparmorProfile
      ? [
          write(
            "/proc/self/attr/apparmor/exec",
            `exec ${apparmorProfile}`,
            "The AppArmor profile that the process runs under.",
          ),
        ]
      : []),
    ...(selinuxLabel
      ? [write("/proc/self/attr/exec", selinuxLabel, "The SELinux context that the process runs in.")]
      : []),
  ];
}

export function attributeSteps({ process, linux }: Pick<ContainerConfig, "process" | "linux">): Step[] {
  const { scheduler, ioPriority } = process;
  const { personality, memoryPolicy } = linux;
  const steps: Step[] = [];
  if (scheduler) {
    const { policy, flags = [], nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
    steps.push({
      op: "scheduler",
      policy,
      flags: flags.map(String),
      nice,
      priority,
      runtime,
      deadline,
      period,
      why: "How the process is scheduled (sched(7)).",
    });
  }
  if (ioPriority) {
    const { class: name, priority } = ioPriority;
    steps.push({ op: "ioPriority", class: name, priority, why: "Whose I/O goes first (ioprio_set(2))." });
  }
  if (personality) {
    const { domain, flags = [] } = personality;
    steps.push({ op: "personality", domain, flags, why: "Which system uname(2) tells of, for one." });
  }
  if (memoryPolicy) {
    const { mode, flags = [], nodes = "" } = memoryPolicy;
    steps.push({
      op: "memoryPolicy",
      mode,
      flags,
      nodes: nodes || null,
      why: "Which nodes the process's memory comes from (set_mempolicy(2)).",
    });
  }
  return steps;
}

/**
 * The descriptors of the caller's that the process keeps, at their numbers, and no other: the slots come first, so that
 * none is overwritten before its turn. Before the filter, which may know no close_range(2).
 */
export function descriptorSteps(count: number): Step[] {
  const kept = preserveSlots(count).map(
    (fd, index): Step => ({
      op: "dup2",
      fd,
      to: 3 + index,
      why: "A descriptor that the caller passes on.",
    }),
  );
  return [...kept, closeStep(count)];
}
