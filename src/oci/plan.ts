/** The Plan of an OCI container. */
import { isAbsolute, resolve } from "node:path";
import type { OciConfig, OciProcess } from "../runtime/oci.ts";
import { containerPlan } from "../runtime/plan/container-plan.ts";
import type { SeccompFilter } from "../runtime/plan/identity.ts";
import { isBind } from "../runtime/plan/mounts.ts";
import type { Plan, Step, WaitPoint } from "../runtime/plan/plan.ts";

import type { CreatedCgroup } from "./container-cgroup.ts";

export interface PlanInput {
  config: OciConfig;
  bundle: string;
  cgroup: CreatedCgroup;
  seccomp: SeccompFilter | undefined;
  noPivot: boolean;
  noNewKeyring: boolean;
  preserveFds: number;
}

const DEVICES = [
  ...[
    ["null", 3],
    ["zero", 5],
    ["full", 7],
    ["random", 8],
    ["urandom", 9],
  ].map(([name, minor]) => ({
    type: "c" as const,
    path: `/dev/${name}`,
    major: 1,
    minor: minor as number,
    fileMode: 0o666,
  })),
  { type: "c" as const, path: "/dev/tty", major: 5, minor: 0, fileMode: 0o666 },
];

export function ociPlan({ config, bundle, cgroup, seccomp, preserveFds }: PlanInput): Plan {
  const absolute = (path: string): string => (isAbsolute(path) ? path : resolve(bundle, path));
  const plan = containerPlan({
    config: {
      ...config,
      root: { ...config.root, path: absolute(config.root.path) },
      mounts: config.mounts.map((mount) =>
        isBind(mount) ? { ...mount, source: absolute(mount.source ?? "") } : mount,
      ),
      linux: { ...config.linux, devices: [...DEVICES, ...(config.linux.devices ?? [])] },
    },
    cgroup: {
      cloneInto: cgroup.cloneFd !== undefined,
      procsFiles: cgroup.procsFiles,
      view: cgroup.view,
    },
    networkNamespace: false,
    seccomp,
  });
  const steps = plan.steps.filter((step) => !(step.op === "prctl" && step.option === "PR_SET_PDEATHSIG"));
  return { ...plan, steps: steps.flatMap((step) => withWaits(step, preserveFds)) };
}

const wait = (name: WaitPoint): Step => ({ op: "wait", name, why: "Hooks, or the start." });

function withWaits(step: Step, preserveFds: number): Step[] {
  if (step.op === "mount" && step.target === "/") return [wait("createRuntime"), step];
  if (step.op === "pivotRoot") return [wait("createContainer"), step];
  if (step.op === "closeRange") return [{ ...step, first: 3 + preserveFds }];
  if (step.op === "execve") return [wait("start"), step];
  return [step];
}

/** The process of a configuration that is about to be started. */
export const processOf = (config: OciConfig): OciProcess => config.process;
