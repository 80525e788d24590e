/** The namespaces of an OCI container: joined and made, in the one order that privileges allow. */
import type { OciConfig, OciIdMapping, OciNamespaceType } from "../oci.ts";
import {
  cgroupJoinSteps,
  hostNameSteps,
  LOOPBACK_STEP,
  NAMESPACE_FLAGS,
  OWN_CGROUP_STEP,
} from "./namespaces.ts";
import {
  hasNamespace,
  joinedNamespaces,
  namespaceSlot,
  newNamespaces,
  type OciPlanInput,
} from "./oci-input.ts";
import type { Step } from "./plan.ts";

const WHY_JOINED: Readonly<Record<OciNamespaceType, string>> = {
  mount: "The mounts of others, shared with them.",
  pid: "A process keeps its pid namespace for life: this one is for the child to come (setns(2)).",
  uts: "The host name of others.",
  ipc: "The System V objects and message queues of others.",
  network: "The network of others, a pod's for example.",
  cgroup: "What others see of the cgroups.",
  user: "The ids and the privileges of a user namespace that is there already.",
  time: "The clocks of others.",
};

const join = (type: OciNamespaceType): Step => ({
  op: "setns",
  fd: namespaceSlot(type),
  flags: [NAMESPACE_FLAGS[type]],
  why: WHY_JOINED[type],
});

/**
 * Joins what has to be joined before the clone: a pid namespace is for children only; a user namespace takes away the
 * privilege over those of others, so where there is one they come first, unless only it gives that privilege.
 */
export function joinBeforeCloneSteps({ config, rootless = false }: OciPlanInput): Step[] {
  const joined = joinedNamespaces(config);
  if (!hasNamespace(config, "user")) return joined.filter((type) => type === "pid").map(join);
  const others = joined.filter((type) => type !== "user").map(join);
  const user = joined.filter((type) => type === "user").map(join);
  return rootless ? [...user, ...others] : [...others, ...user];
}

/** A cgroup namespace is made when the process is where its root is to be, a time namespace when its offsets are known. */
const MADE_LATER: ReadonlySet<OciNamespaceType> = new Set(["cgroup", "time"]);

export function cloneSteps({ config, cgroup }: OciPlanInput): Step[] {
  const made = newNamespaces(config);
  const { uidMappings = [], gidMappings = [] } = config.linux;
  return [
    {
      op: "clone",
      flags: made.filter((type) => !MADE_LATER.has(type)).map((type) => NAMESPACE_FLAGS[type]),
      ...(cgroup.cloneInto ? { cgroup: "cgroup" } : {}),
      ...(made.includes("user") ? { uidMap: mapText(uidMappings), gidMap: mapText(gidMappings) } : {}),
      why: "The container's first process, in its new namespaces.",
    },
    ...cgroupJoinSteps(cgroup),
    { op: "setsid", why: "A session of its own: signals of the caller's terminal do not reach it." },
  ];
}

/** Lines as in uid_map (user_namespaces(7)). */
const mapText = (mappings: readonly OciIdMapping[]): string =>
  mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");

/** In the child: the other namespaces, and what is set in them at once. */
export function namespaceSteps({ config }: OciPlanInput): Step[] {
  const made = newNamespaces(config);
  const joined = hasNamespace(config, "user")
    ? []
    : joinedNamespaces(config).filter((type) => type !== "pid");
  return [
    ...joined.map(join),
    ...(made.includes("cgroup") ? [OWN_CGROUP_STEP] : []),
    ...(made.includes("time") ? [timeStep(config)] : []),
    ...(made.includes("network") ? [LOOPBACK_STEP] : []),
    ...hostNameSteps(config),
  ];
}

function timeStep({ linux }: OciConfig): Step {
  const offsets = Object.entries(linux.timeOffsets ?? {}).map(
    ([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}\n`,
  );
  return {
    op: "timeNamespace",
    offsets: offsets.length === 0 ? null : offsets.join(""),
    why: "Clocks of its own, which have to be set before they are first looked at.",
  };
}

const ROOT_WHY =
  "What is made from here on belongs to the user namespace's root; paths of the host are behind us.";

export const ROOT_STEPS: Step[] = [
  { op: "setresgid", gid: 0, why: ROOT_WHY },
  { op: "setresuid", uid: 0, why: ROOT_WHY },
];

/** From nobody in particular to the user namespace's root, who may create files. */
export function becomeRootSteps(config: OciConfig): Step[] {
  return hasNamespace(config, "user") ? ROOT_STEPS : [];
}
