/** The OCI configuration of a container that has a user namespace of its own. */
import type { ContainerConfig, OciIdMapping } from "../../runtime/oci.ts";
import { boundDevice, boundSys, pingGroups } from "../rootless-config.ts";
import type { UserNamespace } from "../types.ts";

/** `hasOwnNetwork`: its network namespace is made for it, and so belongs to its user namespace. */
export function mappedConfig(
  config: ContainerConfig,
  { uids, gids }: UserNamespace,
  { hasOwnNetwork }: { hasOwnNetwork: boolean },
): ContainerConfig {
  const { linux, mounts } = config;
  return {
    ...config,
    mounts: [
      ...mounts.map((mount) => (!hasOwnNetwork && mount.type === "sysfs" ? boundSys(mount) : mount)),
      // mknod(2) is for the host's root only.
      ...(linux.devices ?? []).map(boundDevice),
    ],
    linux: {
      ...linux,
      namespaces: [...linux.namespaces, { type: "user" }],
      uidMappings: uids,
      gidMappings: gids,
      devices: [],
      sysctl: pingGroups(linux.sysctl ?? {}, lastOf(gids)),
    },
  };
}

const lastOf = (mappings: readonly OciIdMapping[]): number =>
  Math.max(...mappings.map(({ containerID, size }) => containerID + size - 1));
