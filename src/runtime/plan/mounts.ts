/** The mounts of an OCI configuration as steps. */
import { statSync } from "node:fs";
import { relative } from "node:path";
import type { OciMount } from "../oci.ts";
import { type CgroupView, cgroupMountSteps } from "./cgroup-mounts.ts";
import { type MountOptions, parseMountOptions } from "./mount-options.ts";
import type { Step } from "./plan.ts";
import { readOnlyOverlaySteps } from "./rootfs.ts";

const WHY: Readonly<Record<string, string>> = {
  "/proc": "A /proc of the new pid namespace: it shows the container's processes only.",
  "/dev": "An empty /dev in memory: only the devices made below exist for the container.",
  "/dev/pts": "Pseudo-terminals of its own: the container cannot see the host's.",
  "/dev/shm": "POSIX shared memory (shm_open(3)) lives here.",
  "/dev/mqueue": "POSIX message queues of the new ipc namespace.",
  "/sys": "The kernel's devices and settings, to be looked at.",
  "/sys/fs/cgroup": "The container's own cgroup, as the root of what it sees.",
  "/etc/hosts": "Written for this container: its own name and --add-host.",
  "/etc/hostname": "Written for this container.",
  "/etc/resolv.conf": "Written for this container: name servers that it can reach.",
};

/** The slot of what is bound there. */
export const slotOf = (mount: OciMount): string => `bind:${mount.destination}`;

/** The slot that holds the container's own user namespace. */
export const USERNS_SLOT = "userns";

/** The slot that holds a user namespace for this mount alone, by which its owners are mapped; undefined without one. */
export function ownUserNamespaceSlot({ destination, uidMappings }: OciMount): string | undefined {
  return uidMappings === undefined ? undefined : `userns:${destination}`;
}

/** The slot of what a mount's owners are mapped by; undefined where they stay. */
const userNamespaceSlot = (mount: OciMount): string | undefined =>
  ownUserNamespaceSlot(mount) ?? (mount.tsrun?.mapped ? USERNS_SLOT : undefined);

export type { CgroupView } from "./cgroup-mounts.ts";

export function isBind(mount: OciMount): boolean {
  return (
    mount.type === "bind" || (mount.options ?? []).some((option) => option === "bind" || option === "rbind")
  );
}

/** Whether mounts made later on one side of a bind are to appear on the other. */
export function propagates(mount: OciMount): boolean {
  const { propagation } = parseMountOptions(mount.options ?? []);
  return propagation === "MS_SHARED" || propagation === "MS_SLAVE";
}

/** Takes hold of what is bound from the host, while the host can still be seen. */
export function bindSourceSteps(mounts: readonly OciMount[]): Step[] {
  return mounts.flatMap((mount) => {
    const { source = "", destination, tsrun: { within, overlay, joined } = {} } = mount;
    if (joined) return []; // it is in its slot already: joinBeforeCloneSteps()
    const userns = userNamespaceSlot(mount);
    return [
      ...(overlay ? readOnlyOverlaySteps(overlay, destination) : []),
      {
        op: "openTree",
        ...(within === undefined ? { path: source } : { path: relative(within, source), within }),
        slot: slotOf(mount),
        recursive: parseMountOptions(mount.options ?? []).bind === "rbind",
        why: `A copy of this mount, attached nowhere yet: ${destination} in the container.`,
      } satisfies Step,
      ...(userns === undefined ? [] : [idmapStep(mount, userns)]),
    ];
  });
}

function idmapStep(mount: OciMount, userns: string): Step {
  return {
    op: "idmap",
    slot: slotOf(mount),
    userns,
    why:
      userns === USERNS_SLOT
        ? "Owners on disk are the container's own: its root is 0 there, whoever it is on the host."
        : "U: who owns the source on the host is the container's user in this mount, and nothing on disk changes.",
  };
}

/** Whether a path of the host is a directory: a bind mount needs a mount point of its source's kind. */
export type IsDirectory = (hostPath: string) => boolean;

/** Filesystems that tell of the whole host. */
const REVEALING = new Set(["proc", "sysfs"]);

/**
 * In a user namespace these are mounted only while the host's own can be seen (mount_namespaces(7), "an unprivileged
 * mount must not reveal more"), and so before pivot_root(2): in `directory`, from where a copy is taken along.
 */
export function revealingSteps(mounts: readonly OciMount[], directory: string): Step[] {
  return mounts
    .filter(({ type }) => REVEALING.has(type ?? ""))
    .flatMap((mount) => {
      const { flags, data } = parseMountOptions(mount.options ?? []);
      const type = mount.type ?? "none";
      return [
        {
          op: "mount",
          source: type,
          target: directory,
          fstype: type,
          flags,
          data: data || null,
          why: whyOf(mount),
        },
        {
          op: "openTree",
          path: directory,
          slot: slotOf(mount),
          recursive: false,
          why: `Mounted while the host's ${type} can be seen, as the kernel wants it in a user namespace: taken along…`,
        },
        {
          op: "umount",
          target: directory,
          flags: ["MNT_DETACH"],
          why: "…and not to be seen here any longer.",
        },
      ] satisfies Step[];
    });
}

/** Makes each mount in the container's root, parents first as the configuration has them. */
export function mountSteps(
  mounts: readonly OciMount[],
  {
    cgroup,
    isDirectory = (path) => statSync(path).isDirectory(),
    revealed = false,
  }: {
    cgroup: CgroupView;
    isDirectory?: IsDirectory | undefined;
    /** revealingSteps() came before. */
    revealed?: boolean | undefined;
  },
): Step[] {
  return mounts.flatMap((mount) => {
    if (isBind(mount)) return bindSteps(mount, mount.tsrun?.isDirectory ?? isDirectory(mount.source ?? ""));
    if (mount.type === "cgroup") return cgroupMountSteps(mount, { view: cgroup, sees: "own" });
    if (revealed && REVEALING.has(mount.type ?? "")) return takenSteps(mount);
    return filesystemSteps(mount);
  });
}

function whyOf(mount: OciMount): string {
  return WHY[mount.destination] ?? `Asked for: ${mount.type ?? "bind"} on ${mount.destination}.`;
}

function takenSteps(mount: OciMount): Step[] {
  const options = parseMountOptions(mount.options ?? []);
  const target = mount.destination;
  return [
    directory(target),
    { op: "moveMount", slot: slotOf(mount), target, why: whyOf(mount) },
    ...propagationStep(target, options),
  ];
}

function filesystemSteps(mount: OciMount): Step[] {
  const options = parseMountOptions(mount.options ?? []);
  const { flags, data } = options;
  const type = mount.type ?? "none";
  const target = mount.destination;
  const isKernels = type === "proc" || type === "sysfs";
  return [
    isKernels
      ? {
          op: "ensureDirectory",
          path: target,
          why: "A link of the image's could put the kernel's files in another place.",
        }
      : directory(target),
    {
      op: "mount",
      source: mount.source ?? type,
      target,
      fstype: type,
      flags,
      data: data || null,
      why: whyOf(mount),
    },
    ...propagationStep(target, options),
  ];
}

const PROPAGATION_WHY =
  "Whether mounts made on one side appear on the other (mount_namespaces(7), shared subtrees).";

/** Of what is mounted on `target` already. */
export function propagationStep(
  target: string,
  { propagation, propagationRecursive: recursive }: MountOptions,
): Step[] {
  if (propagation === null) return [];
  return [{ op: "mountSetattr", target, set: [], clear: [], propagation, recursive, why: PROPAGATION_WHY }];
}

function bindSteps(mount: OciMount, sourceIsDirectory: boolean): Step[] {
  const target = mount.destination;
  return [
    ...attributeSteps(slotOf(mount), parseMountOptions(mount.options ?? [])),
    sourceIsDirectory
      ? directory(target)
      : { op: "touch", path: target, mode: 0o644, why: `A file to mount on at ${target}.` },
    { op: "moveMount", slot: slotOf(mount), target, why: whyOf(mount) },
  ];
}

/** Set while the mount is attached nowhere: what its target leads to may be exchanged as soon as it is attached. */
function attributeSteps(slot: string, options: MountOptions): Step[] {
  const { set, clear, propagation } = options;
  const steps: Step[] = [];
  if (propagation !== null) {
    steps.push({
      op: "treeSetattr",
      slot,
      set: [],
      clear: [],
      propagation,
      recursive: options.propagationRecursive,
      why: PROPAGATION_WHY,
    });
  }
  if (set.length + clear.length > 0) {
    const why = set.includes("MOUNT_ATTR_RDONLY")
      ? "Read-only here, whatever it is on the host."
      : "The mount's attributes, as asked for.";
    steps.push({ op: "treeSetattr", slot, set, clear, propagation: null, recursive: options.recursive, why });
  }
  return steps;
}

/** tmpfs and the image may lack the mount point. */
function directory(path: string): Step {
  return { op: "mkdir", path, mode: 0o755, why: `A directory to mount on at ${path}.` };
}
