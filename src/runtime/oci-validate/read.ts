/** config.json and process.json, from their text to what the Plan is made of; everything wrong is refused here. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { capabilityNames, capabilityNumber } from "../capabilities.ts";
import type { OciConfig, OciMount, OciProcess, OciResources } from "../oci.ts";
import { CONFIG, PROCESS } from "./config-shape.ts";
import type { Rule, ValidationContext } from "./context.ts";
import { invalidConfig } from "./errors.ts";
import { parseExactJson } from "./json.ts";
import {
  checkDevices,
  checkHooks,
  checkIntelRdt,
  checkMemoryPolicy,
  checkNetDevices,
  checkPaths,
  checkPersonality,
  checkPropagation,
} from "./linux.ts";
import { checkMounts, completeMount } from "./mounts.ts";
import { checkNamespaces } from "./namespaces.ts";
import { completeProcess, validateProcess } from "./process.ts";
import { RESOURCES } from "./resources-shape.ts";
import { checkSeccomp } from "./seccomp.ts";
import { checkSysctl } from "./sysctl.ts";

export type { ValidationContext } from "./context.ts";

const RULES: readonly Rule[] = [
  checkPaths,
  checkPropagation,
  checkNamespaces,
  checkSysctl,
  checkMounts,
  checkDevices,
  checkSeccomp,
  checkPersonality,
  checkMemoryPolicy,
  checkIntelRdt,
  checkNetDevices,
  checkHooks,
];

/**
 * The configuration in the text of a config.json: in its exact form, its absent lists empty, its paths absolute. Throws
 * ERR_TSRUN_OCI_CONFIG_INVALID, which says what is wrong and where.
 */
export function parseConfig(text: string, context: ValidationContext): OciConfig {
  const config = complete(CONFIG(fromJson(text, "config.json"), "") as OciConfig, context);
  for (const rule of RULES) rule(config, context);
  return config;
}

/** The process in the text of a process.json. Throws as parseConfig() does. */
export function parseProcess(text: string, { warn }: Pick<ValidationContext, "warn">): OciProcess {
  const process = PROCESS(fromJson(text, "process.json"), "") as OciProcess;
  validateProcess(process);
  return completeProcess(process, { known: kernelCapabilities(), warn });
}

/** The limits in the text of a linux.resources, as `update` takes them. Throws as parseConfig() does. */
export const parseResources = (text: string): OciResources =>
  RESOURCES(fromJson(text, "linux.resources"), "") as OciResources;

function fromJson(text: string, name: string): unknown {
  try {
    return parseExactJson(text);
  } catch (cause) {
    throw invalidConfig(`${name} is not valid JSON: ${(cause as Error).message}`, cause);
  }
}

function complete(config: OciConfig, context: ValidationContext): OciConfig {
  checkVersion(config.ociVersion);
  const { process } = config;
  const mounts = (config.mounts as OciMount[] | undefined) ?? [];
  const { seccomp, devices, ...linux } = (config.linux as OciConfig["linux"] | undefined) ?? {
    namespaces: [],
  };
  const rootfs = resolve(context.bundle, (config.root as OciConfig["root"] | undefined)?.path ?? "");
  if (process !== undefined) validateProcess(process);
  return {
    ...config,
    ...(process && {
      process: completeProcess(process, { known: grantable(linux), warn: context.warn }),
    }),
    ...(config.root?.readonly && { root: readonlyRoot(config, context) }),
    mounts: mounts.map((mount) => completeMount(mount, rootfs, context)),
    linux: {
      ...linux,
      namespaces: linux.namespaces ?? [],
      // Neither a default nor rules: no filter is meant.
      ...(seccomp && (seccomp.defaultAction || seccomp.syscalls?.length) ? { seccomp } : {}),
      ...(devices && { devices: devices.map(withoutTypeBits) }),
    },
  };
}

/** Without a mount namespace of the container's the root is no mount: read-only, it would be so for the host. */
function readonlyRoot({ root, linux }: OciConfig, { warn }: ValidationContext): OciConfig["root"] {
  if (linux?.namespaces?.some(({ type }) => type === "mount")) return root;
  warn("root.readonly is ignored: without a mount namespace the root cannot be made read-only");
  const { readonly: _, ...rest } = root;
  return rest;
}

/** The type is said by `type`; the mode's own bits for it (inode(7), S_IFMT) say nothing more. */
const withoutTypeBits = <Device extends { fileMode?: number }>(device: Device): Device =>
  device.fileMode === undefined ? device : { ...device, fileMode: device.fileMode & 0o7777 };

function checkVersion(version: string | undefined): void {
  if (!version) throw invalidConfig("ociVersion is missing");
  if (!/^\d+\.\d+\.\d+([-+].*)?$/.test(version))
    throw invalidConfig(`ociVersion ${JSON.stringify(version)} is no version`);
  if (!version.startsWith("1.")) {
    throw invalidConfig(`ociVersion ${version} is not supported: tsrun knows version 1 of the specification`);
  }
}

/** In a user namespace there are all that the kernel has; elsewhere, those that the runtime has itself. */
function grantable({ namespaces = [] }: Partial<OciConfig["linux"]>): ReadonlySet<string> {
  const known = kernelCapabilities();
  if (namespaces.some(({ type }) => type === "user")) return known;
  const own = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  const bits = BigInt(`0x${own}`);
  return new Set([...known].filter((name) => (bits >> BigInt(capabilityNumber(name))) & 1n));
}

function kernelCapabilities(): ReadonlySet<string> {
  const last = Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
  return new Set(capabilityNames().slice(0, last + 1));
}
