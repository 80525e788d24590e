/** Which devices a container may use: the configuration's rules, and the default devices (config-linux.md). */
import type { OciLinux } from "../runtime/oci.ts";

type DeviceRule = NonNullable<NonNullable<OciLinux["resources"]>["devices"]>[number];

const character = (major: number, minor: number | undefined, access = "rwm"): DeviceRule => ({
  allow: true,
  type: "c",
  major,
  access,
  ...(minor === undefined ? {} : { minor }),
});

/** Making a node is no use of it, so any may be made. */
const NODES: readonly DeviceRule[] = [
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
];

/** config-linux.md, "Default Devices". */
const DEFAULT_DEVICES: Readonly<Record<string, DeviceRule>> = {
  "/dev/null": character(1, 3),
  "/dev/zero": character(1, 5),
  "/dev/full": character(1, 7),
  "/dev/random": character(1, 8),
  "/dev/urandom": character(1, 9),
  "/dev/tty": character(5, 0),
};

/** Terminals, and tun, on which engines rely though no specification names it. */
const ALWAYS: readonly DeviceRule[] = [character(136, undefined), character(5, 2), character(10, 200)];

/** Nothing is allowed but what the rules say, and then the default devices that the configuration does not redefine. */
export function deviceRules({
  resources,
  devices = [],
}: Pick<OciLinux, "resources" | "devices">): DeviceRule[] {
  const redefined = new Set(devices.map(({ path }) => path));
  const defaults = Object.entries(DEFAULT_DEVICES).filter(([path]) => !redefined.has(path));
  return [
    { allow: false, access: "rwm" },
    ...(resources?.devices ?? []),
    ...NODES,
    ...defaults.map(([, rule]) => rule),
    ...ALWAYS,
  ];
}
