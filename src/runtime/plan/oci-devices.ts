/** The devices of an OCI container: those that it asks for and those that every container has. */
import type { OciConfig, OciDevice } from "../oci.ts";
import { deviceLinkSteps, deviceSteps } from "./devices.ts";
import { lacksHostRoot, type OciPlanInput } from "./oci-input.ts";
import type { Step } from "./plan.ts";
import { hasOwnDev } from "./terminal.ts";

/** config-linux.md, "Default Devices"; /dev/ptmx is a link, /dev/console comes with a terminal. */
const DEFAULT_DEVICES: readonly OciDevice[] = [
  ["/dev/null", 1, 3],
  ["/dev/random", 1, 8],
  ["/dev/full", 1, 7],
  ["/dev/tty", 5, 0],
  ["/dev/zero", 1, 5],
  ["/dev/urandom", 1, 9],
].map(([path, major, minor]) => ({ type: "c", path, major, minor, fileMode: 0o666 }) as OciDevice);

const slotOf = ({ path }: OciDevice): string => `device:${path}`;

/** Those of the configuration first: they replace a default one of their path. */
export function allDevices(config: OciConfig): OciDevice[] {
  const asked = (config.linux.devices ?? []).filter(({ path }) => path !== "/dev/ptmx");
  const paths = new Set(asked.map(({ path }) => path));
  return [...asked, ...DEFAULT_DEVICES.filter(({ path }) => !paths.has(path))];
}

/** mknod(2) is not for user namespaces: there the host's own nodes are bound, of which this takes hold. */
export function deviceSourceSteps(input: OciPlanInput): Step[] {
  const { config } = input;
  if (!hasOwnDev(config) || !lacksHostRoot(input)) return [];
  return allDevices(config).map((device) => ({
    op: "openTree",
    path: device.path,
    slot: slotOf(device),
    recursive: false,
    why: "A user namespace may make no devices: the host's node serves.",
  }));
}

export function ociDeviceSteps(input: OciPlanInput): Step[] {
  const { config } = input;
  if (!hasOwnDev(config)) return [];
  const nodes = lacksHostRoot(input)
    ? allDevices(config).flatMap(boundDeviceSteps)
    : deviceSteps(allDevices(config)).map(strictly);
  return [...nodes, ...deviceLinkSteps()];
}

/** What is there already has to be the same device, which the step itself makes sure of. */
function strictly(step: Step): Step {
  if (step.op !== "mknod") return step;
  const { tolerate: _, ...rest } = step;
  return rest;
}

function boundDeviceSteps(device: OciDevice): Step[] {
  return [
    { op: "touch", path: device.path, mode: 0o644, why: `A file to mount on at ${device.path}.` },
    { op: "moveMount", slot: slotOf(device), target: device.path, why: "A device the container may use." },
  ];
}
