/** `--security-opt`: what was asked, refused where this host or tsrun cannot keep the promise. */
import { readFileSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import type { ContainerOptions } from "./types.ts";

export interface SecurityOptions {
  noNewPrivileges: boolean;
  /** /proc and /sys without masked and read-only paths. */
  unmaskSystemPaths: boolean;
  /** tsrun's or the configuration's default profile, none, or the profile in a file. */
  seccomp: "default" | "unconfined" | { file: string };
  /** A profile that the kernel has loaded; undefined for none. */
  apparmor?: string;
}

type Asked = Pick<ContainerOptions, "securityOpt" | "privileged">;

/**
 * Parses `--security-opt` values ("no-new-privileges", "seccomp=…", "systempaths=unconfined", "apparmor=…",
 * "label=…"; ":" may stand for "="). With --privileged only an explicit seccomp profile applies. Throws
 * ERR_TSRUN_SECURITY_OPT_INVALID, and ERR_TSRUN_SECURITY_OPT_UNSUPPORTED for what cannot be enforced.
 */
export function parseSecurityOptions(asked: Asked, hasAppArmor = kernelHasAppArmor): SecurityOptions {
  const privileged = asked.privileged ?? false;
  const result: SecurityOptions = {
    noNewPrivileges: false,
    unmaskSystemPaths: privileged,
    seccomp: privileged ? "unconfined" : "default",
  };
  for (const option of asked.securityOpt ?? []) apply(option, result, hasAppArmor);
  return result;
}

function apply(option: string, result: SecurityOptions, hasAppArmor: () => boolean): void {
  const [, key = "", value] = /^([^=:]+)(?:[=:](.*))?$/s.exec(option) ?? [];
  switch (key) {
    case "no-new-privileges":
      result.noNewPrivileges = parseBoolean(option, value ?? "true");
      return;
    case "systempaths":
      if (value !== "unconfined") throw invalid(option, "systempaths takes only the value unconfined");
      result.unmaskSystemPaths = true;
      return;
    case "seccomp":
      if (!value) throw invalid(option, "write seccomp=unconfined, seccomp=builtin or seccomp=FILE");
      result.seccomp = value === "unconfined" ? value : value === "builtin" ? "default" : { file: value };
      return;
    case "apparmor":
      if (!value) throw invalid(option, "write apparmor=unconfined or apparmor=PROFILE");
      delete result.apparmor;
      if (value === "unconfined") return;
      if (!hasAppArmor()) throw unsupported(option, "AppArmor profiles: this kernel runs without AppArmor");
      result.apparmor = value;
      return;
    case "label":
      if (value !== "disable") throw unsupported(option, "SELinux labels");
      return;
    default:
      throw invalid(
        option,
        "known options are no-new-privileges, seccomp=, systempaths=unconfined, apparmor=, label=disable",
      );
  }
}

/** The kernel's own word (Documentation/admin-guide/LSM/apparmor.rst). */
function kernelHasAppArmor(): boolean {
  try {
    return readFileSync("/sys/module/apparmor/parameters/enabled", "latin1").startsWith("Y");
  } catch {
    return false;
  }
}

function parseBoolean(option: string, value: string): boolean {
  if (/^(true|1|t)$/i.test(value)) return true;
  if (/^(false|0|f)$/i.test(value)) return false;
  throw invalid(option, "no-new-privileges takes true or false");
}

function invalid(option: string, hint: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_SECURITY_OPT_INVALID",
    `invalid --security-opt: ${JSON.stringify(option)}`,
    { hint },
  );
}

/** An unenforced confinement would be worse than none: the container would only look confined. */
function unsupported(option: string, what: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_SECURITY_OPT_UNSUPPORTED",
    `--security-opt ${option}: tsrun cannot apply ${what}`,
    {
      hint: "leave the option out; capabilities, seccomp and no-new-privileges confine the container without it",
    },
  );
}
