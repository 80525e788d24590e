/**
 * From image configuration and options to the OCI runtime configuration, as Docker derives it. Nothing is looked up
 * here: what depends on the host or on the container's files comes in as data, so one input gives one result.
 */
import { join, posix } from "node:path";
import type { Config } from "../config.ts";
import type { ContainerConfig, OciNamespaceType, OciSeccomp } from "../runtime/oci.ts";
import type { ImageConfig } from "./api.ts";
import { defaultDevices, deviceRules, type GrantedDevice } from "./devices.ts";
import { mergeImageConfig } from "./image-defaults.ts";
import { hasMountAt, initPath, type LocatedMount, type NetworkFiles, resolveMounts } from "./mounts.ts";
import { isOwn } from "./namespace-modes.ts";
import { hasOwnNetwork } from "./network-mode.ts";
import { buildProcess, type TerminalSize } from "./process.ts";
import { resolveRlimits } from "./rlimits.ts";
import { parseSecurityOptions } from "./security-opt.ts";
import { resolveSysctls } from "./sysctls.ts";
import { MASKED_PATHS, READONLY_PATHS } from "./system-paths.ts";
import type { ContainerOptions } from "./types.ts";
import type { ResolvedUser } from "./user.ts";

export const DEFAULT_SHM_SIZE = 64 * 1024 * 1024;

export interface OciConfigInput {
  id: string;
  options: ContainerOptions;
  /** The mounts that were asked for, located. */
  mounts: readonly LocatedMount[];
  image: ImageConfig;
  /** containers/<id>: the root filesystem is mounted on its `merged`. */
  containerDir: string;
  /** resolveHostname(). */
  hostname: string;
  /** resolveUser() of MergedConfig.user. */
  user: ResolvedUser;
  /** The bounding set: effectiveCapabilities(). */
  capabilities: readonly string[];
  /** Resolved profile of SecurityOptions.seccomp; undefined for none. */
  seccomp: OciSeccomp | undefined;
  /** resolveDevices(), or allHostDevices() and those with --privileged. */
  devices: readonly GrantedDevice[];
  files: NetworkFiles;
  /** Host path of tsrun-init; used with --init. */
  initBinary: string;
  defaultUlimits: Config["default-ulimits"];
  /** thermalThrottlePaths(). */
  thermalThrottle: readonly string[];
  size?: TerminalSize | undefined;
}

/** The OCI configuration of a container; throws what validateContainerOptions() throws. */
export function buildOciConfig(input: OciConfigInput): ContainerConfig {
  const { options, devices } = input;
  const merged = mergeImageConfig(options, input.image);
  const requests = input.mounts;
  const command = [merged.path, ...merged.args];
  const security = parseSecurityOptions(options);
  const privileged = options.privileged ?? false;
  const readOnlyRoot = options.readOnly ?? false;
  const ownNetwork = hasOwnNetwork(options);
  const ownName = isOwn(options, "uts");
  // As docker has it: another's pid namespace has an init already.
  const init = options.init && isOwn(options, "pid");
  const propagation = rootPropagation(requests);

  const process = buildProcess({
    args: init ? [initPath(requests), "--", ...command] : command,
    env: merged.env,
    cwd: merged.workdir,
    hostname: input.hostname,
    user: input.user,
    capabilities: input.capabilities,
    noNewPrivileges: security.noNewPrivileges,
    terminal: options.tty ?? false,
    size: input.size,
  });
  const rlimits = resolveRlimits(options.ulimits ?? [], input.defaultUlimits);
  if (rlimits.length > 0) process.rlimits = rlimits;
  if (options.oomScoreAdj !== undefined) process.oomScoreAdj = options.oomScoreAdj;
  if (security.apparmor !== undefined) process.apparmorProfile = security.apparmor;

  return {
    ociVersion: "1.2.0",
    ...(ownName ? { hostname: input.hostname } : {}),
    ...(options.domainname ? { domainname: options.domainname } : {}),
    process,
    root: { path: join(input.containerDir, "merged"), readonly: readOnlyRoot },
    mounts: resolveMounts({
      requests,
      files: input.files,
      readOnlyRoot,
      privileged,
      shmSize: options.shmSize || DEFAULT_SHM_SIZE,
      ipc: options.ipc,
      initBinary: init ? input.initBinary : undefined,
    }),
    ...(options.annotations ? { annotations: options.annotations } : {}),
    linux: {
      namespaces: namespaces(options).map((type) => ({ type })),
      // A directory of the host's bound over /dev has its nodes already: none is made in it.
      devices: hasMountAt(requests, "/dev", "bind") ? [] : deviceNodes(devices),
      cgroupsPath: cgroupPath(options, input.id),
      resources: { ...options.resources, devices: deviceRules(devices, { privileged }) },
      sysctl: resolveSysctls(options.sysctls ?? {}, { ownNetwork, ownIpc: isOwn(options, "ipc") }),
      ...(input.seccomp ? { seccomp: input.seccomp } : {}),
      maskedPaths: security.unmaskSystemPaths ? [] : [...MASKED_PATHS, ...input.thermalThrottle],
      readonlyPaths: security.unmaskSystemPaths ? [] : [...READONLY_PATHS],
      ...(propagation ? { rootfsPropagation: propagation } : {}),
    },
  };
}

/** "/tsrun/<id>", or below --cgroup-parent. */
export function cgroupPath(options: ContainerOptions, id: string): string {
  return posix.join(posix.resolve("/", options.cgroupParent || "tsrun"), id);
}

/** The cgroup namespace is always private: otherwise /proc/self/cgroup would show the host's layout. */
function namespaces(options: ContainerOptions): OciNamespaceType[] {
  const own = (["pid", "uts", "ipc"] as const).filter((type) => isOwn(options, type));
  return ["mount", ...own, "cgroup", ...(hasOwnNetwork(options) ? (["network"] as const) : [])];
}

/** The default nodes and the granted ones; a grant for the path of a default node replaces it. */
function deviceNodes(granted: readonly GrantedDevice[]) {
  const nodes = [...defaultDevices(), ...granted.map(({ node }) => node)];
  return [...new Map(nodes.map((node) => [node.path, node])).values()];
}

/** A mount inside propagates no further than the root does: the strongest wish among the binds decides. */
function rootPropagation(mounts: readonly LocatedMount[]): "shared" | "rslave" | undefined {
  const wishes = mounts.map((mount) => (mount.type === "bind" ? mount.propagation : undefined));
  if (wishes.some((wish) => wish?.endsWith("shared"))) return "shared";
  return wishes.some((wish) => wish?.endsWith("slave")) ? "rslave" : undefined;
}
