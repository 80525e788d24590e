/** The contents of the container's /dev. */
import { dirname } from "node:path";
import type { OciDevice } from "../oci.ts";
import type { Step } from "./plan.ts";

const LINKS: ReadonlyArray<readonly [path: string, target: string]> = [
  ["/dev/ptmx", "pts/ptmx"],
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
  ["/dev/core", "/proc/kcore"],
];

/** mknod(2) for each device, directories made as needed. */
export function deviceSteps(devices: readonly OciDevice[]): Step[] {
  return devices.flatMap((device) => {
    const { path, uid = 0, gid = 0 } = device;
    const steps: Step[] = [];
    if (dirname(path) !== "/dev") {
      steps.push({ op: "mkdir", path: dirname(path), mode: 0o755, why: `The directory of ${path}.` });
    }
    steps.push({
      op: "mknod",
      path,
      type: device.type === "u" ? "c" : device.type,
      mode: device.fileMode ?? 0o666,
      major: device.major ?? 0,
      minor: device.minor ?? 0,
      tolerate: ["EEXIST"],
      why: "A device the container may use; those it has no node for it cannot name.",
    });
    if (uid !== 0 || gid !== 0) {
      steps.push({ op: "chown", path, uid, gid, why: "The owner that the node has on the host." });
    }
    return steps;
  });
}

/** The symbolic links that programs expect in /dev. */
export function deviceLinkSteps(): Step[] {
  return LINKS.map(([path, target]) => ({
    op: "symlink",
    target,
    path,
    tolerate: ["EEXIST", "EROFS"],
    why: "Programs expect this name.",
  }));
}
