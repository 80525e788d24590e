/** What this runtime can do (features.md), out of the tables that it does it by. */
import { readFileSync } from "node:fs";
import { supportsFilterFlags } from "../kernel/seccomp.ts";
import { capabilityNames } from "../runtime/capabilities.ts";
import type { OciHookPoint } from "../runtime/oci.ts";
import { flagBits, MEMORY_POLICY, MEMORY_POLICY_FLAG, SECCOMP } from "../runtime/plan/constants.ts";
import { mountOptionNames } from "../runtime/plan/mount-options.ts";
import { NAMESPACE_FLAGS } from "../runtime/plan/namespaces.ts";
import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHITECTURES,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
} from "../runtime/seccomp/words.ts";

const HOOKS: Readonly<Record<OciHookPoint, true>> = {
  prestart: true,
  createRuntime: true,
  createContainer: true,
  startContainer: true,
  poststart: true,
  poststop: true,
};

const names = (table: object): string[] => Object.keys(table).sort();

/** The document of `features`; `specVersion` is the newest version of the specification that is understood. */
export function featuresDocument({ version, specVersion }: { version: string; specVersion: string }): object {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: specVersion,
    hooks: Object.keys(HOOKS),
    mountOptions: mountOptionNames(),
    linux: {
      namespaces: names(NAMESPACE_FLAGS),
      capabilities: kernelCapabilities(),
      cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: true },
      seccomp: {
        enabled: true,
        actions: names(SECCOMP_ACTIONS),
        operators: names(SECCOMP_OPERATORS),
        archs: names(SECCOMP_ARCHITECTURES),
        knownFlags: SECCOMP_FLAGS,
        supportedFlags: SECCOMP_FLAGS.filter(isSupported),
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: false },
      memoryPolicy: { modes: names(MEMORY_POLICY), flags: names(MEMORY_POLICY_FLAG) },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: { "tsrun.version": version },
    potentiallyUnsafeConfigAnnotations: [],
  };
}

function kernelCapabilities(): string[] {
  const last = Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
  return capabilityNames().slice(0, last + 1);
}

/** A killable wait is a listener's (seccomp(2)). */
function isSupported(flag: string): boolean {
  const listener =
    flag === "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" ? ["SECCOMP_FILTER_FLAG_NEW_LISTENER"] : [];
  return supportsFilterFlags(flagBits(SECCOMP, [flag, ...listener]));
}
