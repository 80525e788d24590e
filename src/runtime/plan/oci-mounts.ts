/** The mounts of an OCI configuration, made in the container's root while the host's tree can still be reached. */
import type { OciConfig, OciMount } from "../oci.ts";
import { cgroupMountSteps } from "./cgroup-mounts.ts";
import { isRecursiveAttribute, type MountOptions, parseMountOptions } from "./mount-options.ts";
import { isBind, propagationStep } from "./mounts.ts";
import { hasNamespace, idmapSlot, isIdmapped, lacksHostRoot, type OciPlanInput } from "./oci-input.ts";
import { HOST_ROOT, rootPath } from "./oci-root.ts";
import type { Step } from "./plan.ts";

/** mount(8): what a bind mount has to say anew, or it is off. */
const ALL_ATTRIBUTES: readonly string[] = [
  "MOUNT_ATTR_RDONLY",
  "MOUNT_ATTR_NOSUID",
  "MOUNT_ATTR_NODEV",
  "MOUNT_ATTR_NOEXEC",
  "MOUNT_ATTR_NODIRATIME",
];

const slotOf = (config: OciConfig, mount: OciMount): string => `bind:${config.mounts.indexOf(mount)}`;

/** Whether what is bound is to be looked for when the mounts before it are made: it is in the container's own root. */
const isOwn = (input: OciPlanInput, { source = "" }: OciMount): boolean =>
  source.startsWith(`${rootPath(input)}/`);

/** In a user namespace the kernel refuses a new /sys to whom the network does not belong: the host's serves. */
const isBorrowedSys = (input: OciPlanInput, mount: OciMount): boolean =>
  mount.type === "sysfs" && lacksHostRoot(input) && !hasNamespace(input.config, "network");

const bindOf = (input: OciPlanInput, mount: OciMount): OciMount | undefined => {
  if (isBind(mount) && !(mount.options ?? []).includes("remount")) return mount;
  return isBorrowedSys(input, mount) ? { ...mount, source: "/sys", options: ["rbind", "ro"] } : undefined;
};

/**
 * Takes hold of what is bound from the host. With privileges on the host that happens before the clone into a user
 * namespace, whose root need not be allowed to see the sources and may not map owners.
 */
export function sourceSteps(input: OciPlanInput): Step[] {
  const { config } = input;
  return config.mounts.flatMap((mount) => {
    const bind = bindOf(input, mount);
    if (bind === undefined || isOwn(input, mount)) return [];
    return [...openSteps({ config, mount, bind }, undefined), ...idmapSteps(config, mount)];
  });
}

function openSteps(
  { config, mount, bind }: { config: OciConfig; mount: OciMount; bind: OciMount },
  root: string | undefined,
): Step[] {
  const slot = slotOf(config, mount);
  return [
    {
      op: "openTree",
      path: bind.source ?? "",
      slot,
      recursive: parseMountOptions(bind.options ?? []).bind === "rbind",
      ...(root === undefined ? {} : { root }),
      why: `A copy of this mount, attached nowhere yet: ${mount.destination} in the container.`,
    },
    // Before the clone it is a peer of the host's mount still.
    ...(hasNamespace(config, "user") ? [slaveStep(slot)] : []),
  ];
}

const slaveStep = (slot: string): Step => ({
  op: "treeSetattr",
  slot,
  set: [],
  clear: [],
  propagation: "MS_SLAVE",
  recursive: true,
  why: "What is mounted on it in the container does not appear on the host.",
});

function idmapSteps(config: OciConfig, mount: OciMount, { inside = false } = {}): Step[] {
  if (!isIdmapped(mount)) return [];
  return [
    {
      op: "idmap",
      slot: slotOf(config, mount),
      userns: idmapSlot(mount, config),
      recursive: parseMountOptions(mount.options ?? []).idmap === "ridmap",
      byLauncher: inside && hasNamespace(config, "user"),
      why: "Owners in the source are seen as the mapping says, and nothing on disk changes (mount_setattr(2)).",
    },
  ];
}

/** Each mount in its order. */
export function ociMountSteps(input: OciPlanInput): Step[] {
  return input.config.mounts.flatMap((mount) => mountSteps(mount, input));
}

function mountSteps(mount: OciMount, input: OciPlanInput): Step[] {
  const { config } = input;
  const bind = bindOf(input, mount);
  if (bind !== undefined) return bindSteps({ mount, bind }, input);
  const options = parseMountOptions(mount.options ?? []);
  if (options.remount) return remountSteps(mount, options);
  if (mount.type === "cgroup") {
    const mayMount = !lacksHostRoot(input);
    const sees = hasNamespace(config, "cgroup") ? "own" : ({ hostRoot: HOST_ROOT, mayMount } as const);
    return cgroupMountSteps(mount, { view: input.cgroup.view, sees, links: true });
  }
  return filesystemSteps(mount, { options, label: config.linux.mountLabel });
}

function filesystemSteps(
  mount: OciMount,
  { options, label }: { options: MountOptions; label: string | undefined },
): Step[] {
  const { destination: target, type = "none", source } = mount;
  const data = [options.data, ...(label && type !== "proc" && type !== "sysfs" ? [`context="${label}"`] : [])]
    .filter(Boolean)
    .join(",");
  const why = `Asked for: ${type} on ${target}.`;
  const after = propagationStep(target, options);
  if (type === "tmpfs") {
    // Read-only comes last: mount points in it are still to be made.
    const flags = options.flags.filter((flag) => flag !== "MS_RDONLY");
    return [
      {
        op: "mountTmpfs",
        source: source || "tmpfs",
        ...{ target, flags, data: data || null, copyUp: options.copyUp, why },
      },
      ...after,
    ];
  }
  const isKernels = type === "proc" || type === "sysfs";
  const flags = target === "/dev" ? options.flags.filter((flag) => flag !== "MS_RDONLY") : options.flags;
  return [
    isKernels
      ? {
          op: "ensureDirectory",
          path: target,
          why: "A link here could put the kernel's files in another place.",
        }
      : { op: "mkdir", path: target, mode: 0o755, why: `A directory to mount on at ${target}.` },
    { op: "mount", source: source ?? type, target, fstype: type, flags, data: data || null, why },
    ...after,
  ];
}

function remountSteps({ destination, source, options = [] }: OciMount, parsed: MountOptions): Step[] {
  const bind = options.some((option) => option === "bind" || option === "rbind") ? ["MS_BIND"] : [];
  return [
    {
      op: "mount",
      source: source ?? "none",
      target: destination,
      fstype: null,
      flags: ["MS_REMOUNT", ...bind, ...parsed.flags],
      data: parsed.data || null,
      why: `Other options for what is mounted on ${destination}.`,
    },
    ...propagationStep(destination, parsed),
  ];
}

function bindSteps({ mount, bind }: { mount: OciMount; bind: OciMount }, input: OciPlanInput): Step[] {
  const { config } = input;
  const slot = slotOf(config, mount);
  const target = mount.destination;
  const late = isOwn(input, mount)
    ? [...openSteps({ config, mount, bind }, HOST_ROOT), ...idmapSteps(config, mount, { inside: true })]
    : [];
  return [
    ...late,
    ...attributeSteps(slot, bind.options ?? []),
    { op: "mountPoint", slot, path: target, why: `A place to mount on at ${target}, of its source's kind.` },
    { op: "moveMount", slot, target, why: `Asked for: ${bind.source} on ${target}.` },
  ];
}

/** Set while the mount is attached nowhere, so that it is never seen without them. */
function attributeSteps(slot: string, options: readonly string[]): Step[] {
  const plain = parseMountOptions(options.filter((option) => !isRecursiveAttribute(option)));
  const recursive = parseMountOptions(options.filter(isRecursiveAttribute));
  const steps: Step[] = [];
  const change = (
    parsed: { set: string[]; clear: string[] },
    more: Partial<Step & { op: "treeSetattr" }>,
  ): Step => ({
    op: "treeSetattr",
    slot,
    set: parsed.set,
    clear: parsed.clear,
    propagation: null,
    recursive: false,
    why: "The mount's attributes, as asked for.",
    ...more,
  });
  if (plain.propagation !== null) {
    const { propagation, propagationRecursive } = plain;
    steps.push(
      change(
        { set: [], clear: [] },
        {
          propagation,
          recursive: propagationRecursive,
          why: "Whether mounts made on one side appear on the other (mount_namespaces(7), shared subtrees).",
        },
      ),
    );
  }
  if (plain.set.length + plain.clear.length > 0) {
    const unsaid = ALL_ATTRIBUTES.filter((name) => !plain.set.includes(name));
    steps.push(
      change(
        { set: [], clear: unsaid },
        {
          tolerate: ["EPERM"],
          why: "What is not asked for is off, unless whoever made the source locked it (mount_namespaces(7)).",
        },
      ),
      change(plain, {}),
    );
  }
  if (recursive.set.length + recursive.clear.length > 0) {
    steps.push(
      change(recursive, { recursive: true, why: "Attributes of all mounts below too, as asked for." }),
    );
  }
  return steps;
}

/** What has to stay writable until everything in it is made. */
export function lateReadOnlySteps(config: OciConfig): Step[] {
  return config.mounts
    .filter((mount) => !isBind(mount) && (mount.type === "tmpfs" || mount.destination === "/dev"))
    .filter(({ options = [] }) => parseMountOptions(options).set.includes("MOUNT_ATTR_RDONLY"))
    .map(({ destination }) => ({
      op: "mountSetattr",
      target: destination,
      set: ["MOUNT_ATTR_RDONLY"],
      clear: [],
      propagation: null,
      recursive: false,
      why: "Read-only as asked for, now that all is in it.",
    }));
}
