/** The root filesystem of an OCI bundle: made a mount, filled while the host's paths still hold, and pivoted into. */
import { readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import type { OciConfig } from "../oci.ts";
import { hasNamespace, type OciPlanInput } from "./oci-input.ts";
import type { Step } from "./plan.ts";

const HOST_ROOT = "host-root";
const ROOTFS = "rootfs";

export function rootPath({ config, bundle }: OciPlanInput): string {
  const { path } = config.root;
  return isAbsolute(path) ? resolve(path) : resolve(bundle, path);
}

const bits = (propagation: string): { name: string; recursive: boolean } => {
  const recursive = propagation.startsWith("r");
  return { name: `MS_${(recursive ? propagation.slice(1) : propagation).toUpperCase()}`, recursive };
};

/** Makes the bundle's root a mount of its own and the working directory. */
export function rootMountSteps(input: OciPlanInput): Step[] {
  const path = rootPath(input);
  const enter: Step = { op: "chdir", path, why: "The root that is to be." };
  if (!hasNamespace(input.config, "mount")) return [enter];
  const asked = input.config.linux.rootfsPropagation ?? "rslave";
  const { name, recursive } = bits(asked);
  const own = name === "MS_SLAVE" ? "MS_SLAVE" : "MS_PRIVATE";
  return [
    {
      op: "mount",
      source: "none",
      target: "/",
      fstype: null,
      flags: [...(recursive ? ["MS_REC"] : []), name],
      data: null,
      why: "Which mounts from here on are seen on the other side (mount_namespaces(7), shared subtrees).",
    },
    {
      op: "parentPropagation",
      path,
      propagation: own,
      why: "On a shared mount the root would appear on the host too, and pivot_root(2) refuses it.",
    },
    {
      op: "openTree",
      path,
      slot: ROOTFS,
      recursive: true,
      why: "pivot_root(2) wants a mount point: bind the directory…",
    },
    {
      op: "treeSetattr",
      slot: ROOTFS,
      set: [],
      clear: [],
      propagation: own,
      recursive: false,
      why: "…as a mount of no peer group…",
    },
    { op: "moveMount", slot: ROOTFS, target: path, why: "…onto itself." },
    enter,
  ];
}

/**
 * While the root filesystem is filled, it is the root of this process: every path and every link in it leads to its own
 * files. The host's root is kept, for what has to be fetched from there and for the way back.
 */
export function enterRootSteps(): Step[] {
  return [
    {
      op: "openPath",
      path: ".",
      slot: ROOTFS,
      why: "The way in, once more: the host's path need not be allowed then.",
    },
    { op: "openPath", path: "/", slot: HOST_ROOT, why: "The way back to the host's tree." },
    {
      op: "chroot",
      path: ".",
      why: "Links in the image are looked up as its own: hooks still have the host's paths later, so no pivot yet.",
    },
  ];
}

export function leaveRootSteps(): Step[] {
  return [
    {
      op: "fchdir",
      slot: HOST_ROOT,
      why: "Back to the host's tree, where hooks are to find the container's…",
    },
    { op: "chroot", path: ".", why: "…by its path there." },
    { op: "fchdir", slot: ROOTFS, why: "The new root is the working directory." },
    { op: "close", slot: ROOTFS, why: "It is the working directory: no other hold on it is needed." },
  ];
}

/** For good: no path leads to the host from here on. */
export function jailSteps(input: OciPlanInput): Step[] {
  const { config } = input;
  if (!hasNamespace(config, "mount")) {
    return [
      { op: "close", slot: HOST_ROOT, why: "No way back." },
      {
        op: "chroot",
        path: ".",
        why: "Without a mount namespace of its own this is all the root that there can be.",
      },
    ];
  }
  return [...(input.noPivot ? moveSteps(input) : pivotAwaySteps()), ...propagationSteps(config)];
}

function pivotAwaySteps(): Step[] {
  return [
    {
      op: "pivotRoot",
      newRoot: ".",
      putOld: ".",
      why: "Exchanges the root of this mount namespace: unlike chroot(2), nothing of the old root stays reachable.",
    },
    { op: "fchdir", slot: HOST_ROOT, why: "The host's tree lies on top of the new root now." },
    { op: "close", slot: HOST_ROOT, why: "No way back." },
    {
      op: "mount",
      source: "none",
      target: ".",
      fstype: null,
      flags: ["MS_REC", "MS_SLAVE"],
      data: null,
      why: "That it is detached here must not detach it there.",
    },
    {
      op: "umount",
      target: ".",
      flags: ["MNT_DETACH"],
      why: "Once the host's tree is detached, no path leads to the host.",
    },
    { op: "chdir", path: "/", why: "The working directory was reached through the old tree." },
  ];
}

/** MS_MOVE leaves the old root mounted below: what of it would allow a new /proc or /sys without the masks goes first. */
function moveSteps(input: OciPlanInput): Step[] {
  return [
    ...kernelFilesystems(rootPath(input)).map(
      (target): Step => ({
        op: "umount",
        target,
        flags: ["MNT_DETACH"],
        tolerate: ["EINVAL", "ENOENT"],
        why: "Reachable below the new root, it would allow a mount of its kind without what is masked here.",
      }),
    ),
    { op: "close", slot: HOST_ROOT, why: "No way back." },
    {
      op: "moveRoot",
      why: "--no-pivot: the new root over the old one, as where the old one is an initramfs.",
    },
  ];
}

/** Mount points of whole procfs and sysfs outside of the root filesystem, the innermost first. */
function kernelFilesystems(rootfs: string): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines
    .flatMap((line) => {
      const [, , , root, target = ""] = line.split(" ");
      const type = line.split(" - ")[1]?.split(" ")[0];
      const isWhole = root === "/" && (type === "proc" || type === "sysfs");
      return isWhole && !target.startsWith(`${rootfs}/`) ? [target] : [];
    })
    .reverse();
}

/** What pivot_root(2) refuses comes after it. */
function propagationSteps({ linux }: OciConfig): Step[] {
  if (linux.rootfsPropagation === undefined) return [];
  const { name, recursive } = bits(linux.rootfsPropagation);
  if (name === "MS_PRIVATE" || name === "MS_SLAVE") return [];
  return [
    {
      op: "mountSetattr",
      target: "/",
      set: [],
      clear: [],
      propagation: name,
      recursive,
      why: "The propagation that the configuration asks for.",
    },
  ];
}

export { HOST_ROOT };
