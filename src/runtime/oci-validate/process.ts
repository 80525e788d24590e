/** What a process must be (config.md, "process"). */
import { existsSync } from "node:fs";
import type { OciCapabilities, OciProcess } from "../oci.ts";
import { IOPRIO_CLASS, RLIMIT, SCHED, SCHED_FLAG } from "../plan/constants.ts";
import { parseCpuList } from "../plan/cpu-list.ts";
import { invalidConfig } from "./errors.ts";

export function validateProcess(process: OciProcess): void {
  const { cwd, args, selinuxLabel, apparmorProfile } = process;
  if (!cwd) throw invalidConfig("Cwd property must not be empty");
  if (!cwd.startsWith("/")) throw invalidConfig("Cwd must be an absolute path");
  if (!args?.length) throw invalidConfig("args must not be empty");
  if (selinuxLabel && !existsSync("/sys/fs/selinux/enforce")) {
    throw invalidConfig("selinux label is specified in config, but selinux is disabled or not supported");
  }
  if (apparmorProfile && !existsSync("/sys/kernel/security/apparmor")) {
    throw invalidConfig(
      `apparmor profile ${JSON.stringify(apparmorProfile)} is specified in config, but apparmor is disabled or not supported`,
    );
  }
  checkLimits(process);
  checkScheduler(process);
  checkIoPriority(process);
  checkAffinity(process);
}

function checkLimits({ rlimits = [] }: OciProcess): void {
  const seen = new Set<string>();
  for (const { type, soft, hard } of rlimits) {
    if (RLIMIT[type] === undefined) throw invalidConfig(`wrong rlimit value: ${type}`);
    if (seen.has(type)) throw invalidConfig(`process.rlimits has two entries for ${type}`);
    if (soft === undefined || hard === undefined) {
      throw invalidConfig(`process.rlimits: ${type} needs both soft and hard`);
    }
    seen.add(type);
  }
}

function checkScheduler({ scheduler }: OciProcess): void {
  if (!scheduler) return;
  const { policy, nice = 0, priority = 0, flags = [], runtime = 0, deadline = 0, period = 0 } = scheduler;
  if (!policy) throw invalidConfig("scheduler policy is required");
  if (SCHED[policy] === undefined) throw invalidConfig(`invalid scheduler policy: ${policy}`);
  const isNice = policy === "SCHED_OTHER" || policy === "SCHED_BATCH";
  if (isNice && (nice < -20 || nice > 19)) {
    throw invalidConfig(`invalid scheduler.nice: ${nice} when scheduler.policy is ${policy}`);
  }
  if (priority !== 0 && policy !== "SCHED_FIFO" && policy !== "SCHED_RR") {
    throw invalidConfig("scheduler.priority can only be specified for SchedFIFO or SchedRR policy");
  }
  if (policy !== "SCHED_DEADLINE" && (runtime !== 0 || deadline !== 0 || period !== 0)) {
    throw invalidConfig("scheduler runtime/deadline/period can only be specified for SchedDeadline policy");
  }
  const unknown = flags.find((flag) => SCHED_FLAG[flag] === undefined);
  if (unknown !== undefined) throw invalidConfig(`invalid scheduler flag: ${unknown}`);
}

function checkIoPriority({ ioPriority }: OciProcess): void {
  if (!ioPriority) return;
  const { class: name, priority = 0 } = ioPriority;
  if (priority < 0 || priority > 7) throw invalidConfig(`invalid ioPriority.Priority: ${priority}`);
  if (IOPRIO_CLASS[name] === undefined)
    throw invalidConfig(`invalid ioPriority.Class: ${JSON.stringify(name)}`);
}

function checkAffinity({ execCPUAffinity = {} }: OciProcess): void {
  for (const [field, cpus] of Object.entries(execCPUAffinity)) {
    if (cpus !== "" && parseCpuList(cpus) === undefined) {
      const name = field === "initial" ? "Initial" : "Final";
      throw invalidConfig(`bad CPUAffinity.${name}: no list of CPUs: ${cpus}`);
    }
  }
}

const NOTHING: OciCapabilities = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };

export interface KnownCapabilities {
  /** Those that the kernel has. */
  known: ReadonlySet<string>;
  warn: (message: string) => void;
}

/**
 * With empty lists where there are none, and without the capabilities that cannot be granted, which is told: config.md
 * wants a warning for them, and no failure.
 */
export function completeProcess(process: OciProcess, { known, warn }: KnownCapabilities): OciProcess {
  const { capabilities, execCPUAffinity, ...rest } = process;
  const { initial, final } = execCPUAffinity ?? {};
  return {
    ...rest,
    env: process.env ?? [],
    user: { ...process.user, uid: process.user?.uid ?? 0, gid: process.user?.gid ?? 0 },
    ...(capabilities && { capabilities: grantable({ ...NOTHING, ...capabilities }, { known, warn }) }),
    ...(process.ioPriority && {
      ioPriority: { ...process.ioPriority, priority: process.ioPriority.priority ?? 0 },
    }),
    ...((initial || final) && {
      execCPUAffinity: { ...(initial ? { initial } : {}), ...(final ? { final } : {}) },
    }),
  };
}

function grantable(asked: OciCapabilities, { known, warn }: KnownCapabilities): OciCapabilities {
  const unknown = new Set(
    Object.values(asked as unknown as Record<string, string[]>)
      .flat()
      .filter((name) => !known.has(name)),
  );
  if (unknown.size > 0) warn(`ignoring unknown or unavailable capabilities: [${[...unknown].join(" ")}]`);
  const granted = (names: string[]): string[] => names.filter((name) => known.has(name));
  const [inheritable, permitted] = [granted(asked.inheritable), granted(asked.permitted)];
  // capabilities(7): what is ambient is inheritable and permitted.
  const ambient = granted(asked.ambient).filter((name) => {
    const can = inheritable.includes(name) && permitted.includes(name);
    if (!can) warn(`can't raise ambient capability ${name}: operation not permitted`);
    return can;
  });
  return {
    bounding: granted(asked.bounding),
    effective: granted(asked.effective),
    inheritable,
    permitted,
    ambient,
  };
}
