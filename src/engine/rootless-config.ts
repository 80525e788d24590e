/**
 * What the kernel keeps for the root of the whole host, said in another way where tsrun is root of a user's namespaces
 * only (user_namespaces(7)). The configuration stays one of the OCI's; the Plan made of it knows no difference.
 */
import { readFileSync } from "node:fs";
import { lastId } from "../kernel/rootless.ts";
import type { ContainerConfig, OciDevice, OciMount } from "../runtime/oci.ts";
import { requireMappedIds } from "../store/unmapped-id.ts";

const PING_GROUPS = "net.ipv4.ping_group_range";

/** The configuration as an ordinary user's tsrun can carry it out; throws ERR_TSRUN_ID_UNMAPPED. */
export function rootlessConfig(
  config: ContainerConfig,
  { hostNetwork }: { hostNetwork: boolean },
): ContainerConfig {
  const { linux, mounts, process } = config;
  const { uid, gid, additionalGids = [] } = process.user;
  requireMappedIds(uid, gid, ...additionalGids);
  const { devices: _, ...resources } = linux.resources ?? {};
  return {
    ...config,
    mounts: [
      ...mounts.map((mount) => (hostNetwork && mount.type === "sysfs" ? boundSys(mount) : mount)),
      ...(linux.devices ?? []).map(boundDevice),
    ],
    linux: { ...linux, devices: [], resources, sysctl: pingGroups(linux.sysctl ?? {}, lastId()) },
  };
}

/** No node can be made (mknod(2), CAP_MKNOD of the host), so the host's is bound; who may open it its mode says. */
export function boundDevice(device: OciDevice): OciMount {
  return {
    destination: device.path,
    type: "bind",
    source: hostPath(device),
    options: ["bind", "rprivate", "nosuid", "noexec"],
    tsrun: { isDirectory: false },
  };
}

/** Where udev has put the node: /sys/dev/char/MAJOR:MINOR/uevent has its name below /dev. */
function hostPath({ type, path, major, minor }: OciDevice): string {
  const kind = type === "b" ? "block" : "char";
  try {
    const uevent = readFileSync(`/sys/dev/${kind}/${major}:${minor}/uevent`, "latin1");
    return `/dev/${/^DEVNAME=(.+)$/m.exec(uevent)?.[1] ?? path.replace(/^\/dev\//, "")}`;
  } catch {
    return path;
  }
}

/** sysfs shows a network namespace, and is mounted only by who rules it. The host's is bound, with all that is below. */
export function boundSys({ destination, options = [] }: OciMount): OciMount {
  const attributes = options.map((option) => (option === "ro" ? "rro" : option));
  return {
    destination,
    type: "bind",
    source: "/sys",
    options: ["rbind", "rprivate", ...attributes],
    tsrun: { isDirectory: true },
  };
}

/** Only groups that exist in the namespace, up to `last`, can be named. */
export function pingGroups(asked: Readonly<Record<string, string>>, last: number): Record<string, string> {
  const [first, until] = (asked[PING_GROUPS] ?? "").split(/\s+/).map(Number);
  if (first === undefined || until === undefined || until <= last) return { ...asked };
  return { ...asked, [PING_GROUPS]: `${first} ${last}` };
}
