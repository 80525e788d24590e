/** A step of a Plan failed: which one, in words; for the program itself in runc's, which engines read. */
import { constants } from "node:os";
import type { TsrunError } from "../errors.ts";
import { errnoName } from "../kernel/errors.ts";
import { describeStep } from "../runtime/plan/describe.ts";
import type { Plan, Step } from "../runtime/plan/plan.ts";
import { ociError } from "./errors.ts";
import type { ExecutorEvent } from "./executor.ts";

type Failed = Extract<ExecutorEvent, { kind: "failed" }>;

/** Go's words for errno values, which are what runc's messages have. */
const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOEXEC: "exec format error",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  EINVAL: "invalid argument",
  EBUSY: "device or resource busy",
  EROFS: "read-only file system",
  ENOSPC: "no space left on device",
  ELOOP: "too many levels of symbolic links",
  ESRCH: "no such process",
  ENOMEM: "cannot allocate memory",
  EEXIST: "file exists",
  ENOSYS: "function not implemented",
  E2BIG: "argument list too long",
  ENOTSUP: "operation not supported",
  ENODEV: "no such device",
  ENXIO: "no such device or address",
  ENOTBLK: "block device required",
  ENAMETOOLONG: "file name too long",
  EAGAIN: "resource temporarily unavailable",
  EMFILE: "too many open files",
  ETXTBSY: "text file busy",
  EOVERFLOW: "value too large for defined data type",
};

export const errnoWords = (errno: number): string => {
  const name = errnoName(errno);
  return WORDS[name] ?? name;
};

/** Go's words for signals that end programs. */
const SIGNALS: Readonly<Record<string, string>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGABRT: "aborted",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGKILL: "killed",
  SIGSEGV: "segmentation fault",
  SIGPIPE: "broken pipe",
  SIGTERM: "terminated",
  SIGSYS: "bad system call",
};

export function signalWords(number: number): string {
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return SIGNALS[name ?? ""] ?? name ?? `signal ${number}`;
}

/** The error to report of a failed step. */
export function stepFailure(plan: Plan, { step: index, errno }: Failed): TsrunError {
  const step = plan.steps[index];
  if (step === undefined) {
    return ociError("ERR_TSRUN_PLAN_REJECTED", `the executor refused the plan: ${errnoWords(errno)}`);
  }
  if (step.op === "findProgram") return programFailure(programOf(plan), errno);
  // As the process itself says it where nobody listens any more (native/executor).
  if (step.op === "execve") {
    return ociError("ERR_TSRUN_OCI_EXECVE", `exec ${programOf(plan)}: ${errnoWords(errno)}`);
  }
  if (step.op === "clone" && step.cgroup !== undefined && errnoName(errno) === "EBUSY") {
    return ociError(
      "ERR_TSRUN_STEP_FAILED",
      `error adding pid of the process to cgroups: ${WORDS.EBUSY}: it has cgroups with controllers below (cgroups(7))`,
    );
  }
  const where = `step ${index + 1} of ${plan.steps.length}`;
  return ociError(
    "ERR_TSRUN_STEP_FAILED",
    `${doing(step)}: ${errnoWords(errno)}${because(step, errno)} (${where})`,
  );
}

/** What the Plan executes in the end, as the configuration names it. */
function programOf({ steps }: Plan): string {
  const last = steps.at(-1);
  return (last?.op === "execve" ? last.argv[0] : undefined) ?? "";
}

/** A name without a slash was looked for in PATH. */
function programFailure(name: string, errno: number): TsrunError {
  return ociError("ERR_TSRUN_OCI_PROGRAM", `exec: ${JSON.stringify(name)}: ${programReason(name, errno)}`);
}

function programReason(name: string, errno: number): string {
  const words = errnoWords(errno);
  switch (errnoName(errno)) {
    case "ENOENT":
      return name.includes("/") ? `stat ${name}: ${words}` : "executable file not found in $PATH";
    // Which execve(2) refuses with EACCES, whose words make an engine's exit code 126 (Docker before 23).
    case "EISDIR":
      return `${words}: ${WORDS.EACCES}`;
    default:
      return words;
  }
}

/** Steps whose numbers are those of a user namespace. */
const NAMING_IDS: ReadonlySet<Step["op"]> = new Set(["chownStdio", "setgroups", "setresgid", "setresuid"]);

/** Why the kernel may have refused, where its errno says too little. */
function because(step: Step, errno: number): string {
  const name = errnoName(errno);
  if (step.op === "scheduler" && step.policy === "SCHED_DEADLINE" && name === "EPERM") {
    return ": process scheduler can't be used together with AllowedCPUs, nor without CAP_SYS_NICE (sched(7))";
  }
  if (name === "EINVAL" && NAMING_IDS.has(step.op)) {
    return ": an id that the user namespace does not map (user_namespaces(7))";
  }
  if (name === "EINVAL" && step.op === "setns" && step.fd.startsWith("ns:")) {
    return ": the path in linux.namespaces is of no such namespace, or of the runtime's own (setns(2))";
  }
  return "";
}

/** What failed, in the words that engines know for it where there are some. */
const doing = (step: Step): string =>
  step.op === "ensureDirectory" ? `${step.path} must be mounted on ordinary directory` : describeStep(step);
