/** From an OCI runtime configuration to the Plan that starts the container. */
import type { OciConfig, OciMount } from "../oci.ts";
import { deviceLinkSteps, deviceSteps } from "./devices.ts";
import {
  execSteps,
  identitySteps,
  oomScoreSteps,
  rlimitSteps,
  type SeccompFilter,
  stdioSteps,
} from "./identity.ts";
import {
  bindSourceSteps,
  type CgroupView,
  type IsDirectory,
  isBind,
  mountSteps,
  propagates,
  userNamespaceSlot,
} from "./mounts.ts";
import type { NamespaceFlag, Plan, Step } from "./plan.ts";
import { directoryRootSteps, type Overlay, overlaySteps, pivotSteps } from "./rootfs.ts";

export interface ContainerPlanInput {
  config: OciConfig;
  /** The root as an overlay; without it, config.root.path is a directory to be used as it is. */
  overlay?: Overlay;
  /** How the process joins its cgroup: cloned into the descriptor in slot "cgroup" (v2), or by these files (v1). */
  cgroup: { cloneInto: boolean; procsFiles: readonly string[]; view: CgroupView };
  /** Slot "netns" holds a network namespace that is already set up. */
  networkNamespace: boolean;
  seccomp: SeccompFilter | undefined;
  /** Told by the host's files where not given. */
  isDirectory?: IsDirectory;
  /** Stop before execve until the launcher says go on, so that every step can be looked at. */
  pause?: boolean;
}

const CLONE_FLAGS: Readonly<Record<string, NamespaceFlag>> = {
  mount: "CLONE_NEWNS",
  pid: "CLONE_NEWPID",
  uts: "CLONE_NEWUTS",
  ipc: "CLONE_NEWIPC",
  network: "CLONE_NEWNET",
};

/** The Plan of a container; its slots are "cgroup", "netns" and userNamespaceSlot() of its mounts, as far as there are. */
export function containerPlan(input: ContainerPlanInput): Plan {
  const { config, cgroup } = input;
  const { linux, process } = config;
  const binds = config.mounts.filter(isBind);
  const steps: Step[] = [
    ...namespaceSteps(input),
    // A mount that is to stay in its peer group is taken from the host before that group is left.
    ...bindSourceSteps(binds.filter(propagates)),
    {
      op: "mount",
      source: "none",
      target: "/",
      fstype: null,
      flags: ["MS_REC", "MS_PRIVATE"],
      data: null,
      why: "Mounts made from here on stay in this namespace (mount_namespaces(7)).",
    },
    // Overlays are made in a working directory of their own; the last one has to be that of the root.
    ...bindSourceSteps(binds.filter(isOverlay)),
    ...(input.overlay ? overlaySteps(input.overlay) : directoryRootSteps(config.root.path)),
    ...bindSourceSteps(binds.filter((mount) => !propagates(mount) && !isOverlay(mount))),
    ...pivotSteps(),
    ...mountSteps(config.mounts, { cgroup: cgroup.view, isDirectory: input.isDirectory }),
    ...deviceSteps(linux.devices ?? []),
    ...(hasOwnDev(config) ? deviceLinkSteps() : []),
    ...terminalSteps(config),
    ...kernelSettingSteps(config),
    {
      op: "mkdir",
      path: process.cwd,
      mode: 0o755,
      why: "The working directory is made where the image lacks it.",
    },
    ...protectionSteps(config),
    ...rlimitSteps(process),
    ...stdioSteps(process),
    ...identitySteps(process, input.seccomp),
    ...execSteps(process, pauseSteps(input.pause ?? false)),
  ];
  return {
    fds: [
      ...(cgroup.cloneInto ? ["cgroup"] : []),
      ...(input.networkNamespace ? ["netns"] : []),
      ...binds.flatMap((mount) => userNamespaceSlot(mount) ?? []),
    ],
    steps,
  };
}

const isOverlay = (mount: OciMount): boolean => mount.tsrun?.overlay !== undefined;

function namespaceSteps({ config, cgroup, networkNamespace }: ContainerPlanInput): Step[] {
  const types = config.linux.namespaces.map(({ type }) => type);
  const flags = types
    .filter((type) => !(type === "network" && networkNamespace))
    .flatMap((type) => CLONE_FLAGS[type] ?? []);
  const steps: Step[] = [
    {
      op: "clone",
      flags,
      ...(cgroup.cloneInto ? { cgroup: "cgroup" } : {}),
      why: cgroup.cloneInto
        ? "The container's first process, in new namespaces and from its first moment inside its cgroup."
        : "The container's first process, in new namespaces: each one hides a kind of thing of the host's.",
    },
    ...cgroup.procsFiles.map(
      (path): Step => ({
        op: "writeFile",
        path,
        data: "0",
        why: "Joins the cgroup of this controller: 0 is the writer itself.",
      }),
    ),
    { op: "setsid", why: "A session of its own: signals of the user's terminal do not reach it." },
  ];
  if (types.includes("cgroup")) {
    steps.push({
      op: "unshare",
      flags: ["CLONE_NEWCGROUP"],
      why: "After joining, so that the container's own cgroup is the root it sees (cgroup_namespaces(7)).",
    });
  }
  if (networkNamespace) {
    steps.push({
      op: "setns",
      fd: "netns",
      flags: ["CLONE_NEWNET"],
      why: "The network namespace that already has its interface, address and routes.",
    });
  } else if (types.includes("network")) {
    steps.push({
      op: "linkUp",
      link: "lo",
      why: "A new network namespace has only a loopback interface, and it is down.",
    });
  }
  if (config.hostname)
    steps.push({ op: "sethostname", name: config.hostname, why: "Visible in this uts namespace only." });
  if (config.domainname) {
    steps.push({ op: "setdomainname", name: config.domainname, why: "Visible in this uts namespace only." });
  }
  return steps;
}

/** Whether /dev is the container's alone: a directory of the host's bound there is not to be written to. */
function hasOwnDev({ mounts }: OciConfig): boolean {
  return mounts.some((mount) => mount.destination === "/dev" && !isBind(mount));
}

function terminalSteps(config: OciConfig): Step[] {
  const { process } = config;
  if (!process.terminal) return [];
  const { height = 0, width = 0 } = process.consoleSize ?? {};
  const open: Step = {
    op: "openPty",
    rows: height,
    columns: width,
    why: "A terminal from the container's own /dev/pts; its other end goes to the monitor.",
  };
  if (!hasOwnDev(config)) return [open];
  return [
    open,
    { op: "touch", path: "/dev/console", mode: 0o620, why: "A file to mount on at /dev/console." },
    {
      op: "bindConsole",
      path: "/dev/console",
      why: "The console of this machine in small is that terminal.",
    },
  ];
}

/** sysctl(8): "." and "/" change places, so that an interface eth0.1 is written eth0/1. */
function sysctlPath(name: string): string {
  return name.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."));
}

/** What is set through /proc while it is still writable. */
function kernelSettingSteps({ linux, process }: OciConfig): Step[] {
  const sysctls = Object.entries(linux.sysctl ?? {}).map(
    ([name, data]): Step => ({
      op: "writeFile",
      path: `/proc/sys/${sysctlPath(name)}`,
      data,
      why: "A kernel setting of the container's own namespaces.",
    }),
  );
  return [...sysctls, ...oomScoreSteps(process)];
}

function protectionSteps({ linux, root }: OciConfig): Step[] {
  const steps: Step[] = [];
  for (const path of linux.readonlyPaths ?? []) {
    const slot = `readonly:${path}`;
    steps.push(
      {
        op: "openTree",
        path,
        slot,
        recursive: true,
        tolerate: ["ENOENT"],
        why: `${path} concerns the whole host: bind it…`,
      },
      { op: "moveMount", slot, target: path, tolerate: ["ENOENT"], why: "…onto itself…" },
      {
        op: "mountSetattr",
        target: path,
        set: ["MOUNT_ATTR_RDONLY"],
        clear: [],
        propagation: null,
        recursive: true,
        tolerate: ["ENOENT"],
        why: "…and make that mount read-only.",
      },
    );
  }
  for (const path of linux.maskedPaths ?? []) {
    steps.push({
      op: "mask",
      path,
      tolerate: ["ENOENT"],
      why: "Tells about the host or reaches into it: hidden.",
    });
  }
  if (root.readonly) {
    steps.push({
      op: "mountSetattr",
      target: "/",
      set: ["MOUNT_ATTR_RDONLY"],
      clear: [],
      propagation: null,
      recursive: false,
      why: "--read-only: the root filesystem, but not what is mounted on it.",
    });
  }
  const propagation = linux.rootfsPropagation;
  if (propagation) {
    steps.push({
      op: "mountSetattr",
      target: "/",
      set: [],
      clear: [],
      propagation: `MS_${propagation.replace(/^r/, "").toUpperCase()}`,
      recursive: false,
      why: "A mount inside can propagate no further than the root it lies in.",
    });
  }
  return steps;
}

function pauseSteps(pause: boolean): Step[] {
  if (!pause) return [];
  return [{ op: "wait", why: "Everything is in place and nothing of the image has run yet: time to look." }];
}
