/** The Plan of a process that joins an OCI container: exec, and the hooks that run in the container's namespaces. */
import type { ContainerConfig, OciNamespaceType, OciProcess } from "../oci.ts";
import { oomScoreSteps, rlimitSteps, type SeccompFilter } from "./identity.ts";
import { cgroupJoinSteps, NAMESPACE_FLAGS } from "./namespaces.ts";
import { preserveSlots } from "./oci-input.ts";
import { attributeSteps, keyringSteps, labelSteps, UNDUMPABLE_STEP } from "./oci-process.ts";
import { ociProgramSteps, ociStdioSteps } from "./oci-program.ts";
import type { Plan, Step } from "./plan.ts";

export interface OciExecPlanInput {
  process: OciProcess;
  /** The types that the container does not share with the runtime: those of its configuration. */
  namespaces: readonly OciNamespaceType[];
  cgroup: { cloneInto: boolean; procsFiles: readonly string[] };
  seccomp: SeccompFilter | undefined;
  terminal: "pty" | "inherit";
  preserveFds: number;
  noNewKeyring: boolean;
  /** The container's. */
  id?: string;
  /** The executor has no privilege outside of the container's user namespace. */
  rootless?: boolean;
  personality?: ContainerConfig["linux"]["personality"];
  memoryPolicy?: ContainerConfig["linux"]["memoryPolicy"];
}

const NOTHING = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };

/** Slots: "preserve:0" and so on, "init" (a pidfd of the container's first process), and "cgroup" where cloned into. */
export function ociExecPlan(input: OciExecPlanInput): Plan {
  const process = { ...input.process, capabilities: input.process.capabilities ?? NOTHING };
  const { cgroup, rootless = false } = input;
  const hasUser = input.namespaces.includes("user");
  const inherits = hasUser && !rootless;
  return {
    fds: [...preserveSlots(input.preserveFds), "init", ...(cgroup.cloneInto ? ["cgroup"] : [])],
    steps: [
      ...affinitySteps(process.execCPUAffinity?.initial),
      ...oomScoreSteps(process),
      UNDUMPABLE_STEP,
      ...(inherits ? rlimitSteps(process) : []),
      ...(input.namespaces.includes("pid") ? [PID_STEP] : []),
      {
        op: "clone",
        flags: [],
        ...(cgroup.cloneInto ? { cgroup: "cgroup" } : {}),
        why: "The new process, a member of the container's pid namespace.",
      },
      ...cgroupJoinSteps(cgroup),
      ...finalAffinitySteps(process),
      { op: "setsid", why: "A session of its own: signals of the caller's terminal do not reach it." },
      ...joinSteps(input.namespaces, rootless),
      ...keyringSteps(input),
      ...(hasUser ? becomeRootSteps() : []),
      ...(input.terminal === "pty" ? [ptyStep(process)] : []),
      ...labelSteps(process),
      ...(inherits ? [] : rlimitSteps(process)),
      ...attributeSteps({
        process,
        linux: {
          namespaces: [],
          ...(input.personality ? { personality: input.personality } : {}),
          ...(input.memoryPolicy ? { memoryPolicy: input.memoryPolicy } : {}),
        },
      }),
      ...ociStdioSteps(process, input.terminal),
      ...ociProgramSteps(process, {
        seccomp: input.seccomp,
        preserveFds: input.preserveFds,
        mayLackGroups: hasUser,
      }),
    ],
  };
}

const PID_STEP: Step = {
  op: "setns",
  fd: "init",
  flags: ["CLONE_NEWPID"],
  why: "A process keeps its pid namespace for life: this one is for the children to come (setns(2)).",
};

/** Those that others own come before the user namespace, which takes the privilege over them away; or only gives it. */
function joinSteps(types: readonly OciNamespaceType[], rootless: boolean): Step[] {
  const others = types.filter((type) => type !== "user" && type !== "pid");
  const join = (joined: readonly OciNamespaceType[]): Step[] =>
    joined.length === 0
      ? []
      : [
          {
            op: "setns",
            fd: "init",
            flags: joined.map((type) => NAMESPACE_FLAGS[type]),
            why: "The container's namespaces, all at once through the pidfd of its init (Linux 5.8).",
          },
        ];
  if (!types.includes("user")) return join(others);
  return rootless ? join(["user", ...others]) : [...join(others), ...join(["user"])];
}

function becomeRootSteps(): Step[] {
  const why = "The user namespace's root, until the process's user is known to it.";
  return [
    { op: "setresgid", gid: 0, why },
    { op: "setresuid", uid: 0, why },
  ];
}

function affinitySteps(cpus: string | undefined): Step[] {
  return cpus === undefined ? [] : [{ op: "cpuAffinity", cpus, why: "Where the runtime itself is to run." }];
}

function finalAffinitySteps({ execCPUAffinity: { initial, final } = {} }: OciProcess): Step[] {
  if (final === undefined && initial !== undefined) return [];
  return [{ op: "cpuAffinity", cpus: final ?? null, why: "Where the process runs, within its cgroup." }];
}

function ptyStep({ consoleSize: { height = 0, width = 0 } = { height: 0, width: 0 } }: OciProcess): Step {
  return {
    op: "openPty",
    rows: height,
    columns: width,
    why: "A terminal from the container's own /dev/pts.",
  };
}
