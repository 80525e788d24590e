/** From a container's record to the OCI configuration that this start runs with. */
import { accessSync, constants } from "node:fs";
import { nativePath } from "../kernel/native.ts";
import { isRootless } from "../kernel/rootless.ts";
import type { ContainerConfig, OciSeccomp } from "../runtime/oci.ts";
import { containerDir, type Paths } from "../store/paths.ts";
import type { EngineContext } from "./context.ts";
import { allHostDevices, type GrantedDevice, resolveDevices } from "./devices.ts";
import { linkEnvironment } from "./links.ts";
import type { LocatedMount } from "./mounts.ts";
import { networkFilePaths } from "./network-files.ts";
import { hasOwnNetwork, joinedContainer, sharesHostNetwork } from "./network-mode.ts";
import { buildOciConfig } from "./oci-config.ts";
import type { TerminalSize } from "./process.ts";
import { readRecord } from "./records.ts";
import { containerCapabilities } from "./security.ts";
import { thermalThrottlePaths } from "./system-paths.ts";
import type { ContainerRecord } from "./types.ts";
import type { ResolvedUser } from "./user.ts";

/** Looks up what depends on host and container (devices, capabilities) and builds the configuration. */
export async function runtimeConfig(
  context: EngineContext,
  record: ContainerRecord,
  known: {
    mounts: readonly LocatedMount[];
    user: ResolvedUser;
    /** Only for who wants to see it: a start needs the filter alone (containerFilter()), which is compiled already. */
    seccomp?: OciSeccomp | undefined;
    size?: TerminalSize | undefined;
  },
): Promise<ContainerConfig> {
  const { options } = record;
  const directory = containerDir(context.paths, record.id);
  const config = buildOciConfig({
    id: record.id,
    options,
    mounts: known.mounts,
    image: record.imageConfig,
    containerDir: directory,
    hostname: record.hostname,
    user: known.user,
    capabilities: containerCapabilities(options),
    seccomp: known.seccomp,
    devices: [...(options.privileged ? hostDevices() : []), ...resolveDevices(options.devices ?? [])],
    // Who shares a container's network shares what is told of it.
    files: networkFilePaths(containerDir(context.paths, networkOwner(context.paths, record))),
    initBinary: nativePath("tsrun-init"),
    defaultUlimits: context.config["default-ulimits"],
    thermalThrottle: thermalThrottlePaths(),
    size: known.size,
  });
  config.process.env?.push(...linkEnvironment(context.paths, record));
  if (record.userNamespace) {
    const { mappedConfig } = await import("./userns/config.ts");
    return mappedConfig(config, record.userNamespace, { hasOwnNetwork: hasOwnNetwork(options) });
  }
  return isRootless() ? inUserNamespace(config, sharesHostNetwork(options)) : config;
}

/** An ordinary user's are bound one by one, so those that the user may not open are left out. */
function hostDevices(): GrantedDevice[] {
  const all = allHostDevices();
  return isRootless() ? all.filter(({ node }) => mayOpen(node.path)) : all;
}

function mayOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

async function inUserNamespace(config: ContainerConfig, hostNetwork: boolean): Promise<ContainerConfig> {
  const { rootlessConfig } = await import("./rootless-config.ts");
  return rootlessConfig(config, { hostNetwork });
}

/** The container whose network it has in the end: one that is joined may have joined another one. */
function networkOwner(paths: Paths, { id, options }: ContainerRecord): string {
  const joined = joinedContainer(options);
  const record = joined === undefined ? undefined : readRecord(paths, joined);
  return record === undefined ? (joined ?? id) : networkOwner(paths, record);
}
