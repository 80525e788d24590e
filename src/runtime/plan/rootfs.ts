/** The steps that make the container's root filesystem and move into it. */
import type { Step } from "./plan.ts";

/**
 * The overlay that becomes the container's /. All paths are relative to the layers' directory, which keeps the option
 * string short (the kernel takes one page of it) and free of characters that would need escaping.
 */
export interface Overlay {
  /** Absolute path of the layers' directory, the working directory of the mount. */
  layersDir: string;
  /** Topmost layer first. */
  lower: string[];
  upper: string;
  work: string;
  /** Where the overlay is mounted. */
  merged: string;
  /** Skip syncing the upper layer: its content does not outlive the container (overlayfs "volatile", Linux 5.10). */
  volatile: boolean;
  /** Its attributes are user.*, not trusted.*, as they have to be in a user namespace (Linux 5.11). */
  userXattr?: boolean | undefined;
  /** Absolute paths of what else its layers are below; a mapped root has to have them mapped too. */
  others?: readonly string[];
}

/** One page less its NUL is what mount(2) takes as data. */
const DATA_LIMIT = 4095;

export const PRIVATE_STEP: Step = {
  op: "mount",
  source: "none",
  target: "/",
  fstype: null,
  flags: ["MS_REC", "MS_PRIVATE"],
  data: null,
  why: "Mounts made from here on stay in this namespace (mount_namespaces(7)).",
};

/** Mounts the overlay and changes into it. */
export function overlaySteps(overlay: Overlay): Step[] {
  const { lower, upper, work, merged } = overlay;
  const options = [...(overlay.volatile ? ["volatile"] : []), ...(overlay.userXattr ? ["userxattr"] : [])];
  const data = [`lowerdir=${lower.join(":")}`, `upperdir=${upper}`, `workdir=${work}`, ...options].join(",");
  const why =
    "The image's read-only layers lie under one empty writable one: the container sees a single tree, and what it changes goes to the upper layer.";
  return [
    {
      op: "chdir",
      path: overlay.layersDir,
      why: "The layers are named relative to their directory, so that the names of many fit into one page.",
    },
    data.length <= DATA_LIMIT
      ? { op: "mount", source: "overlay", target: merged, fstype: "overlay", flags: [], data, why }
      : { op: "mountOverlay", lower, upper, work, target: merged, options, why },
    { op: "chdir", path: merged, why: "pivot_root(2) is about to be told that the new root is here." },
  ];
}

/**
 * Mounts an image's layers, below the directory that `target` names relative to theirs; an overlay without a writable
 * layer needs two, and the target, which is empty, serves as the lowest.
 */
export function readOnlyOverlaySteps(
  {
    layersDir,
    lower,
    target,
    userXattr,
  }: { layersDir: string; lower: readonly string[]; target: string; userXattr?: boolean | undefined },
  destination: string,
): Step[] {
  const layers = [...lower, target];
  const options = userXattr ? ["userxattr"] : [];
  const data = [`lowerdir=${layers.join(":")}`, ...options].join(",");
  const why = `The image's layers as one read-only tree, to be seen at ${destination}.`;
  return [
    { op: "chdir", path: layersDir, why: "The layers are named relative to their directory." },
    data.length <= DATA_LIMIT
      ? { op: "mount", source: "overlay", target, fstype: "overlay", flags: ["MS_RDONLY"], data, why }
      : { op: "mountOverlay", lower: layers, upper: null, work: null, target, options, why },
  ];
}

/** Makes a directory of the host (an OCI bundle's rootfs) a mount point, which pivot_root(2) asks for. */
export function directoryRootSteps(path: string): Step[] {
  const slot = "bind:/";
  return [
    {
      op: "openTree",
      path,
      slot,
      recursive: true,
      why: "pivot_root(2) wants a mount point: bind the directory…",
    },
    { op: "moveMount", slot, target: path, why: "…onto itself." },
    { op: "chdir", path, why: "pivot_root(2) is about to be told that the new root is here." },
  ];
}

/**
 * The directories of layers and container bound onto themselves, with the owners of their files as the user namespace in
 * the slot maps them: an overlay of what is below them, its writable layer included, is a tree whose owners are mapped,
 * and on disk nothing is (the kernel's idmappings.rst; overlayfs has it since Linux 5.19).
 */
export function mappedDirectorySteps(directories: readonly string[], userns: string): Step[] {
  return directories.flatMap((path): Step[] => [
    {
      op: "openTree",
      path,
      slot: path,
      recursive: false,
      why: "What is mapped is a mount, so this directory becomes one…",
    },
    {
      op: "idmap",
      slot: path,
      userns,
      why: "…in which id 0 on disk is the user namespace's root: no file is given to anybody (idmapped mounts).",
    },
    { op: "moveMount", slot: path, target: path, why: "Where the overlay's layers are looked up." },
  ]);
}

/** Makes the working directory the root and lets the host's whole tree go. */
export function pivotSteps(): Step[] {
  return [
    {
      op: "pivotRoot",
      newRoot: ".",
      putOld: ".",
      why: "Exchanges the root of this mount namespace: unlike chroot(2), nothing of the old root stays reachable.",
    },
    {
      op: "umount",
      target: ".",
      flags: ["MNT_DETACH"],
      why: "The host's tree lies on top of the new root now; once it is detached, no path leads to the host.",
    },
    { op: "chdir", path: "/", why: "The working directory was reached through the old tree." },
  ];
}
