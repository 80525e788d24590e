/** Namespaces of another container that a container's first process is brought into. */
import type { OciConfig, OciMount } from "../oci.ts";
import { slotOf } from "./mounts.ts";
import { NAMESPACE_FLAGS } from "./namespaces.ts";
import { namespaceSlot } from "./oci-input.ts";
import type { Step } from "./plan.ts";

export { namespaceSlot };

/** Mount namespaces: that of the container whose shared memory it has, and that of tsrun. */
export const MOUNT_SLOTS = { theirs: "ns:mount:joined", own: "ns:mount:own" } as const;

type Joined = readonly ("pid" | "ipc")[];

/** Shared memory is a directory for shm_open(3), and so part of what the name ipc promises. */
const sharedMemory = ({ mounts }: OciConfig): OciMount | undefined =>
  mounts.find(({ tsrun }) => tsrun?.joined);

/** The slots that the launcher fills: openJoinedNamespaces(). */
export const joinedSlots = (joined: Joined): string[] => [
  ...joined.map(namespaceSlot),
  ...(joined.includes("ipc") ? [MOUNT_SLOTS.theirs, MOUNT_SLOTS.own] : []),
];

/** By a process between the monitor and the container's: the monitor stays where it is. */
export function joinBeforeCloneSteps(config: OciConfig, joined: Joined): Step[] {
  if (joined.length === 0) return [];
  return [
    { op: "fork", why: "What follows changes who does it, and the monitor is to stay where it is." },
    ...memorySteps(sharedMemory(config)),
    ...(joined.includes("pid") ? [PID_STEP] : []),
  ];
}

const PID_STEP: Step = {
  op: "setns",
  fd: namespaceSlot("pid"),
  flags: [NAMESPACE_FLAGS.pid],
  why: "The processes of another container, for the child to come: it will see them, and they see it (setns(2)).",
};

/** A mount can be copied only by who is in its mount namespace (open_tree(2)). */
function memorySteps(mount: OciMount | undefined): Step[] {
  if (mount === undefined) return [];
  return [
    {
      op: "setns",
      fd: MOUNT_SLOTS.theirs,
      flags: [NAMESPACE_FLAGS.mount],
      why: "Into the other container's mounts for a moment…",
    },
    {
      op: "openTree",
      path: mount.destination.slice(1),
      within: "/",
      slot: slotOf(mount),
      recursive: false,
      why: "…to take hold of its shared memory, which shm_open(3) finds there…",
    },
    {
      op: "setns",
      fd: MOUNT_SLOTS.own,
      flags: [NAMESPACE_FLAGS.mount],
      why: "…and back.",
    },
  ];
}

/** In the child. */
export const joinAfterCloneSteps = (joined: Joined): Step[] =>
  joined.includes("ipc")
    ? [
        {
          op: "setns",
          fd: namespaceSlot("ipc"),
          flags: [NAMESPACE_FLAGS.ipc],
          why: "The System V objects and message queues of another container.",
        },
      ]
    : [];
