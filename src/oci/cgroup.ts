/** The container's cgroup, as the verbs of its life need it. */
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import type { Cgroup } from "../runtime/cgroup/driver.ts";
import type { OciConfig } from "../runtime/oci.ts";

/** What the state document remembers of it. */
export interface RecordedCgroup {
  /** Below each hierarchy's mount point. */
  path: string;
}

/** Where the container's cgroup is: config-linux.md, "Cgroups Path". */
export function recordedCgroup(config: OciConfig, id: string): RecordedCgroup {
  return { path: config.linux.cgroupsPath ?? `/${id}` };
}

const device = (major: number, minor?: number) => ({
  ...{ allow: true, type: "c", major, access: "rwm" },
  ...(minor !== undefined && { minor }),
});

/** Every container has these devices (config-linux.md, "Default Devices"), and any node may be made but not opened. */
const DEFAULT_DEVICES = [
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  ...[3, 5, 7, 8, 9].map((minor) => device(1, minor)),
  ...[device(5, 0), device(5, 2), device(136)],
];

export function createCgroup({ path }: RecordedCgroup, config: OciConfig): Cgroup {
  const { resources = {} } = config.linux;
  return detectCgroupDriver().create(path, {
    ...resources,
    ...(resources.devices && { devices: [...resources.devices, ...DEFAULT_DEVICES] }),
  });
}

export const openCgroup = ({ path }: RecordedCgroup): Cgroup => detectCgroupDriver().open(path);

export const isFrozen = (recorded: RecordedCgroup): boolean => openCgroup(recorded).frozen();
