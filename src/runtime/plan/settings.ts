/** What is set through /proc while it is still writable. */
import type { ContainerConfig, OciConfig } from "../oci.ts";
import { dottedSysctl, sysctlPath } from "../sysctl-names.ts";
import { oomScoreSteps } from "./identity.ts";
import type { Step } from "./plan.ts";

export function sysctlSteps({ linux }: OciConfig): Step[] {
  return Object.entries(linux.sysctl ?? {}).map(([name, data]) => ({
    op: "writeFile",
    path: `/proc/sys/${sysctlPath(dottedSysctl(name))}`,
    data,
    why: "A kernel setting of the container's own namespaces.",
  }));
}

export function kernelSettingSteps(config: ContainerConfig): Step[] {
  return [...sysctlSteps(config), ...oomScoreSteps(config.process)];
}
