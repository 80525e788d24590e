/** The device nodes in a container's /dev, and the rules of its cgroup about which devices may be opened. */
import { readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { deviceNumber } from "../kernel/device-number.ts";
import type { OciDevice, OciResources } from "../runtime/oci.ts";

type DeviceRule = NonNullable<OciResources["devices"]>[number];

/** A device of the host as it appears in the container, and what may be done with it: letters of "rwm". */
export interface GrantedDevice {
  node: OciDevice;
  permissions: string;
}

/** Name, major and minor of the nodes that every container has; admin-guide/devices.rst of the kernel. */
const DEFAULT_NODES: readonly (readonly [string, number, number])[] = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
];

/** Directories below /dev that are filesystems of their own, of which a container has its own. */
const NOT_DEVICES = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"]);

/** /dev/null, zero, full, random, urandom and tty. */
export function defaultDevices(): OciDevice[] {
  return DEFAULT_NODES.map(([name, major, minor]) => ({
    type: "c",
    path: `/dev/${name}`,
    major,
    minor,
    fileMode: 0o666,
    uid: 0,
    gid: 0,
  }));
}

/** Rules of the devices cgroup: everything refused but the default nodes, ptys, and what was granted. */
export function deviceRules(
  granted: readonly GrantedDevice[],
  options: { privileged: boolean },
): DeviceRule[] {
  if (options.privileged) return [{ allow: true, access: "rwm" }];
  const character = (major: number, minor?: number): DeviceRule => ({
    allow: true,
    type: "c",
    major,
    ...(minor === undefined ? {} : { minor }),
    access: "rwm",
  });
  return [
    { allow: false, access: "rwm" },
    // Making a node is harmless while opening it stays refused.
    { allow: true, type: "c", access: "m" },
    { allow: true, type: "b", access: "m" },
    ...DEFAULT_NODES.map(([, major, minor]) => character(major, minor)),
    // /dev/console, /dev/ptmx and every pty slave (Unix98 ptys have major 136 and up).
    character(5, 1),
    character(5, 2),
    character(136),
    ...granted.map(({ node, permissions }) => ruleFor(node, permissions)),
  ];
}

function ruleFor({ type, major, minor }: OciDevice, access: string): DeviceRule {
  return {
    allow: true,
    type,
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
    access,
  };
}

/**
 * Looks up what `--device` names on the host: a device, or a directory of them. Throws ERR_TSRUN_DEVICE_INVALID.
 * Called before anything is created.
 */
export function resolveDevices(
  requests: readonly { host: string; container: string; permissions: string }[],
): GrantedDevice[] {
  return requests.flatMap(({ host, container, permissions }) => {
    if (!/^[rwm]{1,3}$/.test(permissions) || new Set(permissions).size !== permissions.length) {
      throw unusable(host, `invalid device mode: ${permissions}`);
    }
    if (!container.startsWith("/")) throw unusable(host, `'${container}' is not an absolute path`);
    const found = devicesAt(host, container);
    return found.map((node) => ({ node, permissions }));
  });
}

function devicesAt(host: string, container: string): OciDevice[] {
  const stats = statSync(host, { throwIfNoEntry: false });
  if (stats === undefined) throw unusable(host, "no such file or directory");
  if (stats.isDirectory()) return devicesBelow(host, container);
  const device = deviceOf(stats, container);
  if (device === undefined) throw unusable(host, "not a device node");
  return [device];
}

/** All devices of the host, for --privileged; without its ptmx and console, of which the container has its own. */
export function allHostDevices(): GrantedDevice[] {
  return devicesBelow("/dev", "/dev")
    .filter((node) => node.path !== "/dev/ptmx" && node.path !== "/dev/console")
    .map((node) => ({ node, permissions: "rwm" }));
}

function devicesBelow(host: string, container: string): OciDevice[] {
  return readdirSync(host, { withFileTypes: true }).flatMap((entry) => {
    const path = join(container, entry.name);
    if (entry.isDirectory())
      return NOT_DEVICES.has(entry.name) ? [] : devicesBelow(join(host, entry.name), path);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    // Devices come and go (hotplug): one that went since readdir(3) is simply not there.
    const stats = statSync(join(host, entry.name), { throwIfNoEntry: false });
    const device = stats && deviceOf(stats, path);
    return device === undefined ? [] : [device];
  });
}

function deviceOf(stats: Stats, path: string): OciDevice | undefined {
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return undefined;
  return {
    type: stats.isBlockDevice() ? "b" : "c",
    path,
    ...deviceNumber(stats.rdev),
    fileMode: stats.mode & 0o777,
    uid: stats.uid,
    gid: stats.gid,
  };
}

function unusable(host: string, reason: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_DEVICE_INVALID",
    `error gathering device information while adding custom device "${host}": ${reason}`,
    {
      hint: "--device takes HOST[:CONTAINER[:PERMISSIONS]]: a device node or a directory of them, and letters of rwm",
    },
  );
}
