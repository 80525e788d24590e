/**
 * Which kernel settings a container may have: those of its own namespaces. Any other would be the host's, and a file that
 * only looks like one of the container's could be more.
 */
import { statSync } from "node:fs";
import type { OciConfig } from "../oci.ts";
import { hasNamespace } from "../plan/oci-input.ts";
import { dottedSysctl, isIpcSysctl } from "../sysctl-names.ts";
import type { Rule } from "./context.ts";
import { invalidConfig } from "./errors.ts";

export const checkSysctl: Rule = (config) => {
  for (const name of Object.keys(config.linux.sysctl ?? {})) checkSetting(dottedSysctl(name), config);
};

function checkSetting(name: string, config: OciConfig): void {
  const quoted = JSON.stringify(name);
  if (name.split(/[./]/).includes("")) throw invalidConfig(`sysctl ${quoted} is no name of a setting`);
  if (isIpcSysctl(name)) {
    if (hasNamespace(config, "ipc")) return;
    throw invalidConfig(`sysctl ${quoted} is not allowed in the hosts ipc namespace`);
  }
  if (name.startsWith("net.")) {
    if (!isHostNetwork(config)) return;
    throw invalidConfig(`sysctl ${quoted} not allowed in host network namespace`);
  }
  if (hasNamespace(config, "uts")) {
    if (name === "kernel.domainname") return;
    if (name === "kernel.hostname") {
      throw invalidConfig(`sysctl ${quoted} is not allowed as it conflicts with the OCI "hostname" field`);
    }
  }
  if (name.startsWith("user.")) {
    if (hasNamespace(config, "user")) return;
    throw invalidConfig(`setting ucounts without a user namespace not allowed: ${name}`);
  }
  throw invalidConfig(`sysctl ${quoted} is not in a separate kernel namespace`);
}

/** "Host" is the network that the runtime itself is in. */
function isHostNetwork({ linux }: OciConfig): boolean {
  const namespace = linux.namespaces.find(({ type }) => type === "network");
  if (!namespace?.path) return namespace === undefined;
  const [own, joined] = ["/proc/self/ns/net", namespace.path].map((path) => {
    try {
      return statSync(path);
    } catch (error) {
      throw invalidConfig(`invalid netns path: ${(error as Error).message}`, error);
    }
  });
  return own?.dev === joined?.dev && own?.ino === joined?.ino;
}
