/** A step of a Plan failed: which one, in words; for the program itself in runc's, which engines read. */
import { posix } from "node:path";
import type { TsrunError } from "../errors.ts";
import { errnoName } from "../kernel/errors.ts";
import { describeStep } from "../runtime/plan/describe.ts";
import type { Plan, StepAction } from "../runtime/plan/plan.ts";
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
  EOPNOTSUPP: "operation not supported",
};

export const errnoWords = (errno: number): string => {
  const name = errnoName(errno);
  return WORDS[name] ?? name;
};

/** The error to report of a failed step; `doing` is "create" or "exec". */
export function stepFailure(plan: Plan, { step: index, errno }: Failed): TsrunError {
  const step = plan.steps[index];
  if (step === undefined) {
    return ociError("ERR_TSRUN_PLAN_REJECTED", `the executor refused the plan: ${errnoWords(errno)}`);
  }
  const program = programOf(step);
  if (program !== undefined) return programFailure(program, errno);
  const where = `step ${index + 1} of ${plan.steps.length}`;
  return ociError("ERR_TSRUN_STEP_FAILED", `${describeStep(step)}: ${errnoWords(errno)} (${where})`);
}

/** The program that a step looks for or executes: several candidates where PATH was searched. */
function programOf(step: StepAction): string[] | undefined {
  return "candidates" in step ? step.candidates : undefined;
}

function programFailure(candidates: string[], errno: number): TsrunError {
  const [first = ""] = candidates;
  const name = candidates.length === 1 ? first : posix.basename(first);
  const words = errnoWords(errno);
  const reason =
    errnoName(errno) !== "ENOENT"
      ? words
      : candidates.length === 1
        ? `stat ${first}: ${words}`
        : "executable file not found in $PATH";
  return ociError("ERR_TSRUN_OCI_PROGRAM", `exec: ${JSON.stringify(name)}: ${reason}`);
}
