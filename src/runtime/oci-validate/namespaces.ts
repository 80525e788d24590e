/** Which namespaces a configuration may have, and what asks for one (config-linux.md, "Namespaces"). */
import { existsSync, readFileSync } from "node:fs";
import type { OciConfig, OciIdMapping, OciNamespaceType } from "../oci.ts";
import { NAMESPACE_FLAGS } from "../plan/namespaces.ts";
import { hasNamespace } from "../plan/oci-input.ts";
import type { Rule } from "./context.ts";
import { invalidConfig } from "./errors.ts";

export const checkNamespaces: Rule = (config, context) => {
  checkList(config);
  checkUts(config);
  if (
    (config.linux.maskedPaths?.length || config.linux.readonlyPaths?.length) &&
    !hasNamespace(config, "mount")
  ) {
    throw invalidConfig("unable to restrict sys entries without a private MNT namespace");
  }
  checkUser(config, context);
  checkTime(config);
};

function checkList({ linux }: OciConfig): void {
  const seen = new Set<string>();
  for (const { type, path = "" } of linux.namespaces) {
    const named = `{${JSON.stringify(type ?? "")} ${JSON.stringify(path)}}`;
    if (!Object.hasOwn(NAMESPACE_FLAGS, type ?? "")) throw invalidConfig(`namespace ${named} does not exist`);
    if (seen.has(type)) throw invalidConfig(`malformed spec file: duplicated ns ${named}`);
    if (path !== "" && !path.startsWith("/")) {
      throw invalidConfig(`linux.namespaces: the path of ${named} is not absolute`);
    }
    const file = { mount: "mnt", network: "net" }[type as string] ?? type;
    if (!existsSync(`/proc/self/ns/${file}`)) {
      throw invalidConfig(`${type} namespaces aren't enabled in the kernel`);
    }
    seen.add(type);
  }
}

function checkUts(config: OciConfig): void {
  if (hasNamespace(config, "uts")) return;
  if (config.hostname) throw invalidConfig("unable to set hostname without a private UTS namespace");
  if (config.domainname) throw invalidConfig("unable to set domainname without a private UTS namespace");
}

const pathOf = ({ linux }: OciConfig, type: OciNamespaceType): string | undefined =>
  linux.namespaces.find((namespace) => namespace.type === type)?.path || undefined;

const checkUser: Rule = (config, { rootless = false, warn }) => {
  const { uidMappings, gidMappings } = config.linux;
  const hasMappings = uidMappings !== undefined || gidMappings !== undefined;
  if (!hasNamespace(config, "user")) {
    if (hasMappings)
      throw invalidConfig(
        "user namespace mappings specified, but user namespace isn't enabled in the config",
      );
    if (rootless) throw invalidConfig("rootless container requires user namespaces");
    return;
  }
  const path = pathOf(config, "user");
  if (path === undefined) {
    if (!hasMappings)
      throw invalidConfig(
        "user namespaces enabled, but no namespace path to join nor mappings to apply specified",
      );
    checkMappings(uidMappings, "UID");
    checkMappings(gidMappings, "GID");
    return;
  }
  if (!hasMappings) return;
  if (!isMapping(path, "uid_map", uidMappings) || !isMapping(path, "gid_map", gidMappings)) {
    throw invalidConfig(
      "user namespaces enabled, but both namespace path and non-matching mapping specified -- you may only provide one",
    );
  }
  warn(
    "config.json has both a userns path to join and a matching userns mapping specified -- you may only provide one",
  );
};

function checkMappings(mappings: readonly OciIdMapping[] = [], kind: string): void {
  if (mappings.length === 0) throw invalidConfig(`user namespaces require at least one ${kind} mapping`);
  if (!mappings.some(({ containerID, size }) => containerID === 0 && size > 0)) {
    throw invalidConfig(`Container ${kind} 0 cannot be mapped to host ${kind}`);
  }
}

/** Whether a process's namespace has these mappings; of one that is kept by a bind mount alone nothing tells. */
function isMapping(path: string, file: string, mappings: readonly OciIdMapping[] = []): boolean {
  const process = /^(\/proc\/(?:self|\d+))\/ns\/user$/.exec(path)?.[1];
  if (process === undefined) return true;
  const found = readFileSync(`${process}/${file}`, "utf8").trim().split("\n");
  const lines = mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}`);
  return found.map((line) => line.trim().split(/\s+/).join(" ")).join() === lines.join();
}

function checkTime(config: OciConfig): void {
  const { timeOffsets } = config.linux;
  if (timeOffsets === undefined) return;
  if (!hasNamespace(config, "time"))
    throw invalidConfig("time namespace offsets specified, but time namespace isn't enabled in the config");
  if (pathOf(config, "time") !== undefined)
    throw invalidConfig(
      "time namespace enabled, but both namespace path and time offsets specified -- you may only provide one",
    );
  for (const clock of Object.keys(timeOffsets)) {
    if (clock !== "monotonic" && clock !== "boottime")
      throw invalidConfig(`linux.timeOffsets: ${JSON.stringify(clock)} is not monotonic or boottime`);
  }
}
