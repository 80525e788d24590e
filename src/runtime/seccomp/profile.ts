/**
 * Seccomp profiles in Docker's JSON format: rules that apply or not depending on the capabilities that the container
 * has, the architecture and the kernel. tsrun's default profile has the same type.
 */
import { TsrunError } from "../../errors.ts";

export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  /** SCMP_ARCH_* names; instead of archMap. */
  architectures?: string[];
  archMap?: { architecture: string; subArchitectures: string[] | null }[];
  flags?: string[];
  syscalls: ProfileRule[];
}

export interface ProfileRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: ProfileArgument[] | null;
  /** All of these must be so for the rule to apply. Architectures have Go's names: amd64, arm64. */
  includes?: ProfileFilter | null;
  /** None of these may be so. */
  excludes?: ProfileFilter | null;
}

export interface ProfileArgument {
  index: number;
  value: number;
  valueTwo?: number;
  op: string;
}

export interface ProfileFilter {
  caps?: string[] | null;
  arches?: string[] | null;
  /** "4.8" */
  minKernel?: string;
}

/** Parses the file that --security-opt seccomp=FILE names; throws ERR_TSRUN_SECCOMP_PROFILE_INVALID. */
export function parseProfile(json: string, file: string): SeccompProfile {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw invalid(file, "it is not JSON", cause);
  }
  if (!isRecord(value)) throw invalid(file, "it is not an object");
  if (typeof value.defaultAction !== "string") throw invalid(file, "defaultAction is missing");
  const rules = value.syscalls ?? [];
  if (!Array.isArray(rules)) throw invalid(file, "syscalls is not a list");
  if (isNonEmpty(value.architectures) && isNonEmpty(value.archMap)) {
    throw invalid(file, "it has both architectures and archMap");
  }
  const syscalls = rules.map((rule, index) => parseRule(rule, `${file}: syscalls[${index}]`));
  return { ...(value as unknown as SeccompProfile), syscalls };
}

function parseRule(rule: unknown, where: string): ProfileRule {
  if (!isRecord(rule)) throw invalid(where, "it is not an object");
  // The older form has one name a rule.
  const names = typeof rule.name === "string" && rule.name !== "" ? [rule.name] : rule.names;
  if (!Array.isArray(names) || names.length === 0 || names.some((name) => typeof name !== "string")) {
    throw invalid(where, "it names no system calls");
  }
  if (typeof rule.action !== "string") throw invalid(where, "action is missing");
  for (const argument of (rule.args ?? []) as unknown[]) {
    if (!isRecord(argument) || typeof argument.index !== "number" || typeof argument.op !== "string") {
      throw invalid(where, "an argument needs index, value and op");
    }
  }
  return { ...(rule as unknown as ProfileRule), names };
}

export function invalid(where: string, why: string, cause?: unknown): TsrunError {
  return new TsrunError("ERR_TSRUN_SECCOMP_PROFILE_INVALID", `${where} is not a seccomp profile: ${why}`, {
    hint: "the format is that of docker's --security-opt seccomp=profile.json",
    cause,
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isNonEmpty = (value: unknown): boolean => Array.isArray(value) && value.length > 0;
