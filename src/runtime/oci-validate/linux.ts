/** The rest of what a configuration must be (config-linux.md). */
import { existsSync } from "node:fs";
import type { OciConfig } from "../oci.ts";
import { MEMORY_POLICY, MEMORY_POLICY_FLAG, PERSONALITY } from "../plan/constants.ts";
import { parseCpuList } from "../plan/cpu-list.ts";
import type { Rule } from "./context.ts";
import { invalidConfig } from "./errors.ts";

export const checkPropagation: Rule = ({ linux }, { noPivot = false }) => {
  const { rootfsPropagation: asked } = linux;
  if (!asked) return;
  if (!/^r?(private|slave|shared|unbindable)$/.test(asked)) {
    throw invalidConfig(`rootfsPropagation=${asked} is not supported`);
  }
  if (noPivot && /private$/.test(asked)) {
    throw invalidConfig("rootfsPropagation of [r]private is not safe without pivot_root");
  }
};

export const checkPersonality: Rule = ({ linux }) => {
  if (!linux.personality) return;
  const { domain, flags = [] } = linux.personality;
  if (PERSONALITY[domain] === undefined) throw invalidConfig(`invalid personality domain ${domain}`);
  if (flags.length > 0) throw invalidConfig(`invalid personality flag ${flags[0]}: none is supported`);
};

export const checkDevices: Rule = ({ linux }) => {
  for (const { type, path, major, minor } of linux.devices ?? []) {
    if (!/^[cbup]$/.test(type ?? ""))
      throw invalidConfig(`invalid device type ${JSON.stringify(type ?? "")}`);
    if (!path?.startsWith("/"))
      throw invalidConfig(`linux.devices: ${JSON.stringify(path ?? "")} is no absolute path`);
    if (type !== "p" && (major === undefined || minor === undefined)) {
      throw invalidConfig(`linux.devices: ${path} needs both major and minor`);
    }
  }
};

export const checkHooks: Rule = ({ hooks = {} }) => {
  for (const [point, list] of Object.entries(hooks)) {
    for (const [index, { path, timeout }] of list.entries()) {
      const where = `hooks.${point}[${index}]`;
      if (!path?.startsWith("/")) throw invalidConfig(`${where}: path must be absolute`);
      if (timeout !== undefined && timeout <= 0)
        throw invalidConfig(`${where}: timeout must be greater than 0`);
    }
  }
};

/** resctrl needs processors that have it and a place in its tree: said instead of a container without its share. */
export const checkIntelRdt: Rule = ({ linux }) => {
  if (linux.intelRdt === undefined) return;
  throw invalidConfig(
    existsSync("/sys/fs/resctrl/schemata")
      ? "intelRdt is specified in config, but tsrun does not support Intel RDT"
      : "intelRdt is specified in config, but Intel RDT is not enabled",
  );
};

/** A name that the kernel gives a network device (dev_valid_name() of its net/core/dev.c). */
const isDeviceName = (name: string): boolean =>
  /^[^/:\s]+$/.test(name) && name !== "." && name !== ".." && Buffer.byteLength(name) < IFNAMSIZ;
const IFNAMSIZ = 16;

export const checkNetDevices: Rule = ({ linux }, { rootless }) => {
  const devices = Object.entries(linux.netDevices ?? {});
  if (devices.length === 0) return;
  if (linux.namespaces.every(({ type }) => type !== "network")) {
    throw invalidConfig("unable to move network devices without a NET namespace");
  }
  if (rootless) throw invalidConfig("network devices are not supported for rootless containers");
  for (const name of devices.flatMap(([from, { name: to }]) => [from, to || from])) {
    if (!isDeviceName(name)) throw invalidConfig(`invalid network device name ${JSON.stringify(name)}`);
  }
};

/** set_mempolicy(2): which modes take nodes. */
export const checkMemoryPolicy: Rule = ({ linux }) => {
  if (linux.memoryPolicy === undefined) return;
  const { mode = "", nodes = "", flags = [] } = linux.memoryPolicy;
  if (MEMORY_POLICY[mode] === undefined) {
    throw invalidConfig(`invalid memory policy mode ${JSON.stringify(mode)}`);
  }
  const numbers = nodes === "" ? [] : parseCpuList(nodes);
  if (numbers === undefined) throw invalidConfig(`invalid memory policy nodes ${JSON.stringify(nodes)}`);
  const unknown = flags.find((flag) => MEMORY_POLICY_FLAG[flag] === undefined);
  if (unknown !== undefined) throw invalidConfig(`invalid memory policy flag ${JSON.stringify(unknown)}`);
  const takesNone = mode === "MPOL_DEFAULT" || mode === "MPOL_LOCAL";
  if (takesNone && numbers.length > 0) {
    throw invalidConfig(`memory policy mode requires 0 nodes but got ${numbers.length}`);
  }
  if (!takesNone && mode !== "MPOL_PREFERRED" && numbers.length === 0) {
    throw invalidConfig("memory policy mode requires at least one node but got 0");
  }
};

/** Names of the container's files, which have to be paths. */
export const checkPaths: Rule = ({ linux, annotations = {}, root }: OciConfig) => {
  if (root?.path === undefined || root.path === "") throw invalidConfig("root must be specified");
  for (const path of [...(linux.maskedPaths ?? []), ...(linux.readonlyPaths ?? [])]) {
    if (!path.startsWith("/"))
      throw invalidConfig(`${JSON.stringify(path)} is to be hidden or protected, but is not absolute`);
  }
  if (linux.mountLabel && !existsSync("/sys/fs/selinux/enforce")) {
    throw invalidConfig(
      "selinux mount label is specified in config, but selinux is disabled or not supported",
    );
  }
  if ("" in annotations) throw invalidConfig("annotations: a key must not be empty");
};
