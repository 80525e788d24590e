/** What is set through /proc while it is still writable. */
import type { ContainerConfig, OciConfig } from "../oci.ts";
import { oomScoreSteps } from "./identity.ts";
import type { Step } from "./plan.ts";

/** sysctl(8): "." and "/" change places, so that an interface eth0.1 is written eth0/1. */
function sysctlPath(name: string): string {
  return name.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));
}

export function sysctlSteps({ linux }: OciConfig): Step[] {
  return Object.entries(linux.sysctl ?? {}).map(([name, data]) => ({
    op: "writeFile",
    path: `/proc/sys/${sysctlPath(name)}`,
    data,
    why: "A kernel setting of the container's own namespaces.",
  }));
}

export function kernelSettingSteps(config: ContainerConfig): Step[] {
  return [...sysctlSteps(config), ...oomScoreSteps(config.process)];
}
