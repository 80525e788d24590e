/**
 * The first half of a Plan whose container has a user namespace of its own (user_namespaces(7)), until its root
 * filesystem is the working directory.
 *
 * Its root may do little on the host, so what only the host's may is done before: by a process between the monitor and
 * the container's, in a mount namespace that goes with it. There the layers are mounted with mapped owners and the overlay
 * on them; what the container is to have of all that is kept as detached mounts. The process then joins the user
 * namespace, of which the namespaces that it clones its child into become part.
 */
import { dirname } from "node:path";
import type { OciIdMapping, OciProcess } from "../oci.ts";
import type { ContainerPlanInput } from "./container-plan.ts";
import { OWN_KEYRING_STEP, oomScoreSteps, rlimitSteps } from "./identity.ts";
import { bindSourceSteps, isBind, propagates, revealingSteps, USERNS_SLOT } from "./mounts.ts";
import {
  cgroupJoinSteps,
  hostNameSteps,
  LOOPBACK_STEP,
  NAMESPACE_FLAGS,
  OWN_CGROUP_STEP,
} from "./namespaces.ts";
import { becomeRootSteps } from "./oci-namespaces.ts";
import type { Step } from "./plan.ts";
import { mappedDirectorySteps, type Overlay, overlaySteps, PRIVATE_STEP } from "./rootfs.ts";

const ROOT_SLOT = "root";

/** Slots: "cgroup" and "netns" as in containerPlan(), and USERNS_SLOT with the user namespace. */
export function mappedRootSteps(input: ContainerPlanInput): Step[] {
  return [...preparationSteps(input), ...cloneSteps(input), ...entranceSteps(input)];
}

/** All that layers of the overlay are below. */
const directoriesOf = ({ layersDir, others = [] }: Overlay, root: string): string[] => [
  layersDir,
  ...others,
  dirname(root),
];

/** As the host's root. */
function preparationSteps({ config, overlay, networkNamespace }: ContainerPlanInput): Step[] {
  const { process, linux } = config;
  const binds = config.mounts.filter(isBind);
  const early = binds.filter(propagates);
  const images = binds.filter((mount) => !propagates(mount) && mount.tsrun?.overlay);
  const others = binds.filter((mount) => !propagates(mount) && !mount.tsrun?.overlay);
  const root = { uid: onHost(linux.uidMappings, 0), gid: onHost(linux.gidMappings, 0) };
  return [
    {
      op: "fork",
      why: "The container's root may not do on the host what follows, and the monitor is to stay where it is.",
    },
    ...oomScoreSteps(process),
    ...rlimitSteps(process),
    ...streamSteps(process, onHost(linux.uidMappings, process.user.uid)),
    ...bindSourceSteps(early),
    {
      op: "unshare",
      flags: ["CLONE_NEWNS"],
      why: "Mounts for the sake of the container's are not the host's.",
    },
    PRIVATE_STEP,
    ...(overlay ? mappedDirectorySteps(directoriesOf(overlay, config.root.path), USERNS_SLOT) : []),
    {
      op: "setFsIds",
      ...root,
      why: "overlayfs makes its own files as who mounted it, and on a mapped mount only who is mapped can make any.",
    },
    ...bindSourceSteps(images),
    ...(overlay ? overlaySteps(overlay) : []),
    { op: "setFsIds", uid: 0, gid: 0, why: "The host's root again." },
    {
      op: "openTree",
      path: config.root.path,
      slot: ROOT_SLOT,
      recursive: false,
      why: "The root filesystem, taken along: what a user namespace gets by copy stays locked (mount_namespaces(7)).",
    },
    ...bindSourceSteps(others),
    ...(networkNamespace
      ? [
          {
            op: "setns",
            fd: "netns",
            flags: ["CLONE_NEWNET"],
            why: "The network namespace that was made beforehand, with its interfaces, addresses and routes.",
          } satisfies Step,
        ]
      : []),
    {
      op: "setns",
      fd: USERNS_SLOT,
      flags: ["CLONE_NEWUSER"],
      why: "From here on all privileges are over what belongs to this user namespace: over nothing of the host's.",
    },
  ];
}

/** A pipe belongs to who made it, and that is nobody inside; a terminal is made inside. */
export function streamSteps({ terminal }: OciProcess, uid: number): Step[] {
  if (terminal) return [];
  return ["stdin", "stdout", "stderr"].map((slot) => ({
    op: "chownStream",
    slot,
    uid,
    why: "The container's user may reopen /dev/stdout, as servers do that log to it.",
  }));
}

function cloneSteps({ config, cgroup, networkNamespace }: ContainerPlanInput): Step[] {
  const types = config.linux.namespaces.map(({ type }) => type);
  const made = types.filter(
    (type) => type !== "user" && type !== "cgroup" && !(type === "network" && networkNamespace),
  );
  return [
    {
      op: "clone",
      flags: made.map((type) => NAMESPACE_FLAGS[type]),
      ...(cgroup.cloneInto ? { cgroup: "cgroup" } : {}),
      why: "The container's first process, in new namespaces which belong to its user namespace.",
    },
    ...cgroupJoinSteps(cgroup),
    { op: "setsid", why: "A session of its own: signals of the user's terminal do not reach it." },
    ...(types.includes("cgroup") ? [OWN_CGROUP_STEP] : []),
    ...(types.includes("network") && !networkNamespace ? [LOOPBACK_STEP] : []),
    ...hostNameSteps(config),
  ];
}

function entranceSteps({ config }: ContainerPlanInput): Step[] {
  const { path } = config.root;
  return [
    ...revealingSteps(config.mounts, path),
    {
      op: "moveMount",
      slot: ROOT_SLOT,
      target: path,
      why: "pivot_root(2) wants the new root to be a mount…",
    },
    { op: "chdir", path, why: "…and is about to be told that it is here." },
    ...becomeRootSteps(config),
    OWN_KEYRING_STEP,
  ];
}

/** An id of the container as the host sees it; throws RangeError where it has none. */
export function onHost(mappings: readonly OciIdMapping[] = [], id: number): number {
  const range = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  if (range === undefined) throw new RangeError(`id ${id} is mapped to none of the host's`);
  return range.hostID + id - range.containerID;
}
