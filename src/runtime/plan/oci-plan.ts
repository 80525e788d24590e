/**
 * From an OCI bundle to the Plan of its container (runtime.md, "Lifecycle"). It is a containerPlan() for the life that
 * the OCI runtime command line gives a container: no monitor stays, hooks see the new tree by the host's paths before the
 * root changes, and the process waits for `start` at the end.
 */
import type { ContainerConfig, OciProcess } from "../oci.ts";
import { oomScoreSteps, rlimitSteps } from "./identity.ts";
import { deviceSourceSteps, ociDeviceSteps } from "./oci-devices.ts";
import { hasNamespace, launcherSlots, type OciPlanInput, START_SLOT } from "./oci-input.ts";
import { lateReadOnlySteps, ociMountSteps, sourceSteps } from "./oci-mounts.ts";
import { becomeRootSteps, cloneSteps, joinBeforeCloneSteps, namespaceSteps } from "./oci-namespaces.ts";
import { attributeSteps, keyringSteps, labelSteps, UNDUMPABLE_STEP } from "./oci-process.ts";
import { ociProgramSteps, ociStdioSteps } from "./oci-program.ts";
import { enterRootSteps, jailSteps, leaveRootSteps, rootMountSteps } from "./oci-root.ts";
import type { Plan, Step, WaitName } from "./plan.ts";
import { protectionSteps } from "./protection.ts";
import { sysctlSteps } from "./settings.ts";
import { hasOwnDev, terminalSteps } from "./terminal.ts";

export type { OciPlanInput } from "./oci-input.ts";
export { mountUserNamespaces, namespaceSlot, START_SLOT } from "./oci-input.ts";

const NOTHING = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };

/** What a container without a process yet does until one is known: there is nothing to execute. */
const NO_PROCESS: OciProcess = { cwd: "/", env: [], args: [], user: { uid: 0, gid: 0 } };

/**
 * The Plan; its slots, filled by the launcher, are START_SLOT, "cgroup", "ns:<type>" of the namespaces that are joined,
 * those of mountUserNamespaces(), and "preserve:0" and so on: in the order of `fds`.
 */
export function ociPlan(input: OciPlanInput): Plan {
  const { process = NO_PROCESS } = input.config;
  const config = { ...input.config, process: { ...process, capabilities: process.capabilities ?? NOTHING } };
  return {
    fds: launcherSlots(input),
    steps: [
      ...executorSteps(input, config),
      ...cloneSteps(input),
      ...processSteps(input, config),
      ...rootSteps(input),
      ...insideSteps(input, config),
      ...lastSteps(input, config),
    ],
  };
}

/** Whether the executor can do what the root of a user namespace cannot. */
const isPrivileged = ({ config, rootless = false }: OciPlanInput): boolean =>
  hasNamespace(config, "user") && !rootless;

/** Still outside: what children inherit and only the host's root may give. */
function executorSteps(input: OciPlanInput, { process }: ContainerConfig): Step[] {
  return [
    ...(input.rootless ? [] : [UNDUMPABLE_STEP]),
    ...(isPrivileged(input)
      ? [
          ...oomScoreSteps(process),
          ...rlimitSteps(process),
          ...sourceSteps(input),
          ...deviceSourceSteps(input),
        ]
      : []),
    ...joinBeforeCloneSteps(input),
  ];
}

function processSteps(input: OciPlanInput, { process }: ContainerConfig): Step[] {
  return [
    { op: "umask", mask: 0, why: "What is made from here on gets the very mode that is asked for." },
    {
      op: "cpuAffinity",
      cpus: null,
      why: "Every CPU that the cgroup allows, not those that the caller was confined to.",
    },
    ...(isPrivileged(input) ? [] : oomScoreSteps(process)),
    ...(input.rootless ? [UNDUMPABLE_STEP] : []),
    ...namespaceSteps(input),
    ...keyringSteps(input),
  ];
}

/** The root filesystem with all that is mounted in it, up to the moment when no host path is left. */
function rootSteps(input: OciPlanInput): Step[] {
  const { config } = input;
  return [
    ...rootMountSteps(input),
    ...(isPrivileged(input) ? [] : [...sourceSteps(input), ...deviceSourceSteps(input)]),
    ...enterRootSteps(),
    ...becomeRootSteps(config),
    ...ociMountSteps(input),
    ...ociDeviceSteps(input),
    ...leaveRootSteps(),
    ...hookSteps(input),
    ...jailSteps(input),
  ];
}

function hookSteps({ config: { hooks = {} } }: OciPlanInput): Step[] {
  const wait = (name: WaitName, why: string): Step => ({ op: "wait", name, why });
  const inRuntime = [...(hooks.prestart ?? []), ...(hooks.createRuntime ?? [])];
  return [
    ...(inRuntime.length === 0
      ? []
      : [
          wait(
            "createRuntime",
            "Hooks of the host: the namespaces are there and the root is not changed yet.",
          ),
        ]),
    ...(hooks.createContainer?.length
      ? [
          wait(
            "createContainer",
            "Hooks in the container's namespaces, with the host's paths for the last time.",
          ),
        ]
      : []),
  ];
}

/** Inside: nothing of the host can be named any more. */
function insideSteps(input: OciPlanInput, config: ContainerConfig): Step[] {
  const { process } = config;
  return [
    ...(hasOwnDev(config) ? [REOPEN_NULL_STEP] : []),
    ...(input.terminal === "pty" ? terminalSteps(config) : []),
    {
      op: "mkdir",
      path: process.cwd,
      mode: 0o755,
      why: "The working directory is made where the image lacks it.",
    },
    ...labelSteps(process),
    ...sysctlSteps(config),
    ...protectionSteps(config),
    ...lateReadOnlySteps(config),
    ...(isPrivileged(input) ? [] : rlimitSteps(process)),
    ...attributeSteps(config),
    ...ociStdioSteps(process, input.terminal),
  ];
}

const REOPEN_NULL_STEP: Step = {
  op: "reopenNull",
  why: "The container's own /dev/null, where the caller gave the host's.",
};

/** The identity, and the wait for `start` when only execve(2) is left. */
function lastSteps(input: OciPlanInput, { process }: ContainerConfig): Step[] {
  const start: Step = {
    op: "wait",
    name: "start",
    gate: START_SLOT,
    why: "Created: everything is in place and nothing of the image has run yet.",
  };
  return ociProgramSteps(process, {
    seccomp: input.seccomp,
    preserveFds: input.preserveFds,
    mayLackGroups: hasNamespace(input.config, "user"),
    gate: [start],
  });
}
