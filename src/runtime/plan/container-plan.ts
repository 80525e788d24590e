/** From an OCI runtime configuration to the Plan that starts the container. */
import type { ContainerConfig, OciMount } from "../oci.ts";
import { deviceLinkSteps, deviceSteps } from "./devices.ts";
import {
  execSteps,
  identitySteps,
  lateFilterSteps,
  OWN_KEYRING_STEP,
  rlimitSteps,
  type SeccompFilter,
  stdioSteps,
} from "./identity.ts";
import { joinAfterCloneSteps, joinBeforeCloneSteps, joinedSlots } from "./joined.ts";
import { mappedRootSteps } from "./mapped-root.ts";
import {
  bindSourceSteps,
  type CgroupView,
  type IsDirectory,
  isBind,
  mountSteps,
  ownUserNamespaceSlot,
  propagates,
  revealingSteps,
  USERNS_SLOT,
} from "./mounts.ts";
import {
  cgroupJoinSteps,
  hostNameSteps,
  LOOPBACK_STEP,
  NAMESPACE_FLAGS,
  OWN_CGROUP_STEP,
} from "./namespaces.ts";
import { labelSteps } from "./oci-process.ts";
import type { Plan, Step } from "./plan.ts";
import { protectionSteps } from "./protection.ts";
import { directoryRootSteps, type Overlay, overlaySteps, PRIVATE_STEP, pivotSteps } from "./rootfs.ts";
import { kernelSettingSteps, sysctlSteps } from "./settings.ts";
import { hasOwnDev, terminalSteps } from "./terminal.ts";

export interface ContainerPlanInput {
  config: ContainerConfig;
  /** The root as an overlay; without it, config.root.path is a directory to be used as it is. */
  overlay?: Overlay;
  /** How the process joins its cgroup: cloned into the descriptor in slot "cgroup" (v2), or by these files (v1). */
  cgroup: { cloneInto: boolean; procsFiles: readonly string[]; view: CgroupView };
  /** Slot "netns" holds a network namespace that is already set up. */
  networkNamespace: boolean;
  /** Namespaces of another container that it joins; joinedSlots() of them are there. */
  joined?: readonly ("pid" | "ipc")[] | undefined;
  /** It starts in a user namespace: tsrun itself is in one. */
  userNamespace?: boolean | undefined;
  seccomp: SeccompFilter | undefined;
  /** An empty /.dockerenv is made in its root. */
  marker?: boolean | undefined;
  /** Told by the host's files where not given. */
  isDirectory?: IsDirectory;
  /** Stop before execve until the launcher says go on, so that every step can be looked at. */
  pause?: boolean;
}

/**
 * The Plan of a container; its slots are "cgroup", "netns", USERNS_SLOT where its configuration has a user namespace, and
 * ownUserNamespaceSlot() of its mounts, as far as there are.
 */
export function containerPlan(input: ContainerPlanInput): Plan {
  const { config, cgroup, joined = [] } = input;
  const { linux, process } = config;
  const binds = config.mounts.filter(isBind);
  const isMapped = config.linux.namespaces.some(({ type }) => type === "user");
  const revealed = isMapped || (input.userNamespace ?? false);
  const steps: Step[] = [
    ...(isMapped ? mappedRootSteps(input) : rootSteps(input)),
    ...pivotSteps(),
    ...mountSteps(config.mounts, { cgroup: cgroup.view, isDirectory: input.isDirectory, revealed }),
    ...(input.marker ? [MARKER_STEP] : []),
    ...deviceSteps(linux.devices ?? []),
    ...(hasOwnDev(config) ? deviceLinkSteps() : []),
    ...terminalSteps(config),
    ...(isMapped ? sysctlSteps(config) : kernelSettingSteps(config)),
    {
      op: "mkdir",
      path: process.cwd,
      mode: 0o755,
      why: "The working directory is made where the image lacks it.",
    },
    ...labelSteps(process),
    ...protectionSteps(config),
    ...(isMapped ? [] : rlimitSteps(process)),
    ...stdioSteps(process),
    ...identitySteps(process, input.seccomp),
    ...lateFilterSteps(process, input.seccomp),
    ...execSteps(process, { before: pauseSteps(input.pause ?? false) }),
  ];
  return {
    fds: [
      ...(cgroup.cloneInto ? ["cgroup"] : []),
      ...(input.networkNamespace ? ["netns"] : []),
      ...joinedSlots(joined),
      ...(isMapped ? [USERNS_SLOT] : []),
      ...binds.flatMap((mount) => ownUserNamespaceSlot(mount) ?? []),
    ],
    steps,
  };
}

/** The namespaces, and the root filesystem with what is taken along into it, as the working directory. */
function rootSteps(input: ContainerPlanInput): Step[] {
  const { config } = input;
  const binds = config.mounts.filter(isBind);
  return [
    ...namespaceSteps(input),
    // A mount that is to stay in its peer group is taken from the host before that group is left.
    ...bindSourceSteps(binds.filter(propagates)),
    PRIVATE_STEP,
    // Overlays are made in a working directory of their own; the last one has to be that of the root.
    ...bindSourceSteps(binds.filter(isOverlay)),
    ...(input.userNamespace ? revealingSteps(config.mounts, config.root.path) : []),
    ...(input.overlay ? overlaySteps(input.overlay) : directoryRootSteps(config.root.path)),
    ...bindSourceSteps(binds.filter((mount) => !propagates(mount) && !isOverlay(mount))),
  ];
}

/** An empty file, as docker's. */
const MARKER_STEP: Step = {
  op: "touch",
  path: "/.dockerenv",
  mode: 0o755,
  why: "Installers, browsers and test suites look for this file to know that they are in a container.",
};

const isOverlay = (mount: OciMount): boolean => mount.tsrun?.overlay !== undefined;

function namespaceSteps({ config, cgroup, networkNamespace, joined = [] }: ContainerPlanInput): Step[] {
  const types = config.linux.namespaces.map(({ type }) => type);
  // A cgroup namespace is made later, when the process is where its root is to be.
  const flags = types
    .filter((type) => type !== "cgroup" && !(type === "network" && networkNamespace))
    .map((type) => NAMESPACE_FLAGS[type]);
  const steps: Step[] = [
    ...joinBeforeCloneSteps(config, joined),
    {
      op: "clone",
      flags,
      ...(cgroup.cloneInto ? { cgroup: "cgroup" } : {}),
      why: cgroup.cloneInto
        ? "The container's first process, in new namespaces and from its first moment inside its cgroup."
        : "The container's first process, in new namespaces: each one hides a kind of thing of the host's.",
    },
    ...cgroupJoinSteps(cgroup),
    { op: "setsid", why: "A session of its own: signals of the user's terminal do not reach it." },
    OWN_KEYRING_STEP,
    ...joinAfterCloneSteps(joined),
  ];
  if (types.includes("cgroup")) steps.push(OWN_CGROUP_STEP);
  if (networkNamespace) {
    steps.push({
      op: "setns",
      fd: "netns",
      flags: ["CLONE_NEWNET"],
      why: "The network namespace that was made beforehand, with its interfaces, addresses and routes.",
    });
  } else if (types.includes("network")) {
    steps.push(LOOPBACK_STEP);
  }
  return [...steps, ...hostNameSteps(config)];
}

function pauseSteps(pause: boolean): Step[] {
  if (!pause) return [];
  return [{ op: "wait", why: "Everything is in place and nothing of the image has run yet: time to look." }];
}
