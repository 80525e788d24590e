/** The steps that turn the privileged child into the container's process: limits, user, capabilities, seccomp. */
import type { OciProcess } from "../oci.ts";
import type { Step } from "./plan.ts";

type Rlimit = NonNullable<OciProcess["rlimits"]>[number];

export interface SeccompFilter {
  /** struct sock_filter[], native byte order. */
  program: Uint8Array;
  flags: string[];
  /** Some calls are for a listener to decide (SCMP_ACT_NOTIFY): it is offered to the launcher at the step. */
  listens?: boolean;
}

/** Standard descriptors, terminal included; the pty was opened before, where the plan has one. */
export function stdioSteps(process: OciProcess): Step[] {
  const names = ["stdin", "stdout", "stderr"] as const;
  const steps: Step[] = names.map((fd, to) => ({
    op: "dup2",
    fd,
    to,
    why: process.terminal ? "The terminal is the container's." : "The monitor holds the other end.",
  }));
  if (process.terminal) {
    steps.push({
      op: "setControllingTerminal",
      why: "Ctrl-C and job control work through the controlling terminal.",
    });
  }
  steps.push({
    op: "chownStdio",
    uid: process.user.uid,
    why: "The container's user may reopen /dev/stdout, as servers do that log to it.",
  });
  return steps;
}

export function oomScoreSteps({ oomScoreAdj }: OciProcess): Step[] {
  if (oomScoreAdj === undefined) return [];
  return [
    {
      op: "writeFile",
      path: "/proc/self/oom_score_adj",
      data: String(oomScoreAdj),
      why: "How soon the kernel picks this process when memory runs out (proc_pid_oom_score_adj(5)).",
    },
  ];
}

/** A keyring without a name, which no other container can join. */
export const OWN_KEYRING_STEP: Step = {
  op: "sessionKeyring",
  name: null,
  tolerate: ["EPERM"], // where a filter around tsrun keeps all keyrings out of reach
  why: "The keys of the user's session stay the user's (session-keyring(7)).",
};

/** As many files as the steps may have open at a time; nobody needs a privilege to be limited to so few. */
const FEW_FILES = 1024;

const leavesFewFiles = ({ type, hard }: Rlimit): boolean =>
  type === "RLIMIT_NOFILE" && hard >= 0 && hard < FEW_FILES;

/** While the privilege to raise a limit is there (CAP_SYS_RESOURCE, getrlimit(2)). */
export function rlimitSteps({ rlimits = [] }: OciProcess): Step[] {
  return rlimits.filter((limit) => !leavesFewFiles(limit)).map(rlimitStep);
}

function rlimitStep({ type, soft, hard }: Rlimit): Step {
  return { op: "setrlimit", resource: type, soft, hard, why: "Asked for with --ulimit, or the default." };
}

export interface IdentityOptions {
  /** No monitor watches over the process: it does not end with one. */
  outlivesMonitor?: boolean;
  /** The working directory was entered already, unless only the user may do that. */
  retriesDirectory?: boolean;
  /** The user namespace may have been made by somebody who had to forgo setgroups(2) in it. */
  mayLackGroups?: boolean;
}

/**
 * From root with everything to the process's user with what it is granted. The order is forced: a filter without
 * no_new_privs needs CAP_SYS_ADMIN and so comes before the capabilities go (seccomp(2)); setresuid(2) away from root
 * clears them unless PR_SET_KEEPCAPS says otherwise, and clears the parent-death signal (prctl(2)).
 */
export function identitySteps(
  process: OciProcess,
  seccomp: SeccompFilter | undefined,
  { outlivesMonitor = false, mayLackGroups = false, retriesDirectory = false }: IdentityOptions = {},
): Step[] {
  const { uid, gid, umask, additionalGids = [] } = process.user;
  const steps: Step[] = [];
  const filter = seccompStep(seccomp);
  if (filter && !process.noNewPrivileges) steps.push(filter);

  const capabilities = process.capabilities;
  if (capabilities) {
    steps.push(
      {
        op: "capBoundingSet",
        keep: capabilities.bounding,
        why: "Nothing that is executed later can gain a capability outside this set, setuid or not.",
      },
      {
        op: "prctl",
        option: "PR_SET_KEEPCAPS",
        value: 1,
        why: "Keep the capabilities while the user changes.",
      },
    );
  }
  steps.push(
    {
      op: "setgroups",
      gids: additionalGids,
      why: "The user's groups inside the container, none of the host's.",
      ...(mayLackGroups && additionalGids.length === 0 ? { tolerate: ["EPERM"] as const } : {}),
    },
    { op: "setresgid", gid, why: "The process's group." },
    { op: "setresuid", uid, why: "The process's user." },
  );
  if (capabilities) {
    const { effective, permitted, inheritable, ambient } = capabilities;
    steps.push({
      op: "capset",
      effective,
      permitted,
      inheritable,
      why: "The privileges of root in pieces: only these stay.",
    });
    if (ambient.length > 0) {
      steps.push({
        op: "capAmbient",
        raise: ambient,
        why: "These outlive execve(2) of a program without file capabilities.",
      });
    }
  }
  steps.push(
    {
      op: "umask",
      mask: umask ?? 0o022,
      why: "The mask that login shells use; the monitor's own is 0, so that the nodes above got their exact modes.",
    },
    ...(outlivesMonitor ? [] : [PARENT_DEATH_STEP]),
    {
      op: "chdir",
      path: process.cwd,
      ...(retriesDirectory ? { retry: true } : {}),
      why: "The working directory, entered as the user who has to be allowed to.",
    },
  );
  if (process.noNewPrivileges) {
    steps.push({
      op: "prctl",
      option: "PR_SET_NO_NEW_PRIVS",
      value: 1,
      why: "setuid programs gain nothing from now on.",
    });
  }
  return steps;
}

const PARENT_DEATH_STEP: Step = {
  op: "prctl",
  option: "PR_SET_PDEATHSIG",
  value: 9,
  why: "Without its monitor nobody could record how the container ended: it ends with it.",
};

/**
 * With no_new_privs a filter needs no privilege, and comes as late as can be: after the wait for `start`, unless somebody
 * has to be there who takes its listener.
 */
export function lateFilterSteps(
  process: OciProcess,
  seccomp: SeccompFilter | undefined,
  when: { listens: boolean } = { listens: false },
): Step[] {
  const filter = seccompStep(seccomp);
  return process.noNewPrivileges && filter && (seccomp?.listens ?? false) === when.listens ? [filter] : [];
}

function seccompStep(seccomp: SeccompFilter | undefined): Step | undefined {
  if (!seccomp) return undefined;
  const program = Buffer.from(seccomp.program).toString("base64");
  return {
    op: "seccomp",
    program,
    flags: seccomp.listens ? [...seccomp.flags, "SECCOMP_FILTER_FLAG_NEW_LISTENER"] : seccomp.flags,
    why: "System calls that containers do not need are refused before the kernel's code for them runs.",
  };
}

/** So many descriptors from 3 on are kept. */
export const closeStep = (keep = 0): Step => ({
  op: "closeRange",
  first: 3 + keep,
  why: "No descriptor of the host survives execve(2): each would be a way out.",
});

/**
 * The end of every Plan: replace this process by the program. `before` runs when all else is in place; with `closed`
 * the closeStep() was one of the steps before.
 */
export function execSteps(
  process: OciProcess,
  { before = [], closed = false }: { before?: Step[]; closed?: boolean } = {},
): Step[] {
  return [
    // The steps before have more files open than that.
    ...(process.rlimits ?? []).filter(leavesFewFiles).map(rlimitStep),
    ...(closed ? [] : [closeStep()]),
    ...before,
    {
      op: "execve",
      candidates: candidatePaths(process),
      argv: process.args,
      envp: process.env,
      why: "The program takes over, as pid 1 of its namespace where the container starts.",
    },
  ];
}

/** Where execvp(3) would look: a name with a slash is a path, any other is searched in the process's PATH. */
export function candidatePaths(process: OciProcess): string[] {
  const name = process.args[0] ?? "";
  if (name.includes("/")) return [name];
  const path = process.env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length);
  return (path ?? "")
    .split(":")
    .map((directory) => (directory === "" ? `./${name}` : `${directory}/${name}`));
}
