import type { OciSeccomp, OciSeccompRule } from "../oci.ts";
import type { ProfileFilter, SeccompProfile } from "./profile.ts";

export interface SeccompTarget {
  /** The container's capabilities, "CAP_CHOWN". */
  capabilities: readonly string[];
  /** process.arch of the machine: "x64", "arm64". */
  arch: string;
  /** Release of the running kernel, "6.18.44-generic" (os.release()). */
  kernel: string;
}

/** Names of process.arch in profiles: Go's for the conditions, libseccomp's for the tables. */
const ARCHITECTURES: Readonly<Record<string, { go: string; scmp: string }>> = {
  x64: { go: "amd64", scmp: "SCMP_ARCH_X86_64" },
  ia32: { go: "386", scmp: "SCMP_ARCH_X86" },
  arm64: { go: "arm64", scmp: "SCMP_ARCH_AARCH64" },
  arm: { go: "arm", scmp: "SCMP_ARCH_ARM" },
  ppc64: { go: "ppc64le", scmp: "SCMP_ARCH_PPC64LE" },
  riscv64: { go: "riscv64", scmp: "SCMP_ARCH_RISCV64" },
  s390x: { go: "s390x", scmp: "SCMP_ARCH_S390X" },
};

/** The profile as it is for one container: rules whose conditions do not hold are gone, and so are the conditions. */
export function resolveProfile(profile: SeccompProfile, target: SeccompTarget): OciSeccomp {
  const names = ARCHITECTURES[target.arch];
  const capabilities = new Set(target.capabilities);
  const kernel = kernelVersion(target.kernel);
  const holds = {
    capability: (name: string): boolean => capabilities.has(name),
    arch: (name: string): boolean => name === names?.go,
    kernel: (minimum: string): boolean => kernel >= kernelVersion(minimum),
  };

  const syscalls: OciSeccompRule[] = [];
  for (const rule of profile.syscalls) {
    if (!includes(rule.includes ?? {}, holds) || excludes(rule.excludes ?? {}, holds)) continue;
    syscalls.push({
      names: rule.names,
      action: rule.action,
      ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
      ...(rule.args?.length ? { args: rule.args } : {}),
    });
  }
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: architectures(profile, names?.scmp),
    ...(profile.flags?.length ? { flags: profile.flags } : {}),
    syscalls,
  };
}

interface Conditions {
  capability(name: string): boolean;
  arch(name: string): boolean;
  kernel(minimum: string): boolean;
}

function includes(filter: ProfileFilter, holds: Conditions): boolean {
  const { caps, arches, minKernel } = filter;
  if (arches?.length && !arches.some(holds.arch)) return false;
  if (minKernel && !holds.kernel(minKernel)) return false;
  return (caps ?? []).every(holds.capability);
}

function excludes(filter: ProfileFilter, holds: Conditions): boolean {
  const { caps, arches, minKernel } = filter;
  if (arches?.some(holds.arch)) return true;
  if (minKernel && holds.kernel(minKernel)) return true;
  return (caps ?? []).some(holds.capability);
}

function architectures(profile: SeccompProfile, native: string | undefined): string[] {
  if (profile.architectures?.length) return profile.architectures;
  const entry = profile.archMap?.find(({ architecture }) => architecture === native);
  return entry === undefined ? [] : [entry.architecture, ...(entry.subArchitectures ?? [])];
}

/** Major and minor as one number that compares. */
function kernelVersion(release: string): number {
  const [major = "0", minor = "0"] = release.split(/[.-]/);
  return Number.parseInt(major, 10) * 1000 + Number.parseInt(minor, 10);
}
