/** What is mounted at /sys/fs/cgroup. */
import type { OciMount } from "../oci.ts";
import { parseMountOptions } from "./mount-options.ts";
import type { Step } from "./plan.ts";

/** What /sys/fs/cgroup shows: one tree on cgroup v2, one per hierarchy on v1 ("memory" -> "memory"). */
export type CgroupView =
  | { version: 2 }
  | {
      version: 1;
      hierarchies: {
        name: string;
        options: string;
        /** The container's own directory on the host: what it sees where it has no cgroup namespace. */
        directory?: string;
      }[];
    };

/**
 * Whose cgroup is the root of what is seen: the container's own by its cgroup namespace; or all of the host's, for which
 * the slot of the host's root directory is needed where a user namespace may not mount them anew.
 */
export type CgroupSight = "own" | { hostRoot: string; mayMount: boolean };

export function cgroupMountSteps(
  mount: OciMount,
  { view, sees, links = false }: { view: CgroupView; sees: CgroupSight; links?: boolean },
): Step[] {
  const { flags, set } = parseMountOptions(mount.options ?? []);
  const target = mount.destination;
  if (view.version === 1) return [...hierarchyHolderSteps(target), ...hierarchySteps(), ...lastSteps()];
  if (sees === "own" || sees.mayMount) return [directory(target), one("cgroup2", target, null)];
  return [directory(target), ...bindSteps(sees.hostRoot, { from: "/sys/fs/cgroup", to: target, set })];

  function one(fstype: string, path: string, data: string | null): Step {
    return {
      op: "mount",
      source: "cgroup",
      target: path,
      fstype,
      flags,
      data,
      why: "The cgroup namespace makes the container's own cgroup the root of this view.",
    };
  }

  function hierarchySteps(): Step[] {
    if (view.version === 2) return [];
    return view.hierarchies.flatMap(({ name, options, directory: own }) => {
      const to = `${target}/${name}`;
      if (sees === "own" || (own === undefined && sees.mayMount)) {
        return [directory(to), one("cgroup", to, options)];
      }
      if (own === undefined) return [];
      return [directory(to), ...bindSteps(sees.hostRoot, { from: own, to, set })];
    });
  }

  /** With links, "cpu" leads to the hierarchy "cpu,cpuacct". */
  function lastSteps(): Step[] {
    const steps: Step[] = [];
    if (view.version === 1 && links) {
      const merged = view.hierarchies.filter(({ name }) => name.includes(","));
      for (const { name } of merged) {
        for (const controller of name.split(",")) {
          steps.push({
            op: "symlink",
            target: name,
            path: `${target}/${controller}`,
            tolerate: ["EEXIST"],
            why: "Controllers that share a hierarchy are found by each one's name.",
          });
        }
      }
    }
    if (flags.includes("MS_RDONLY")) {
      steps.push({
        op: "mountSetattr",
        target,
        set: ["MOUNT_ATTR_RDONLY"],
        clear: [],
        propagation: null,
        recursive: false,
        why: "Read-only here, whatever it is on the host.",
      });
    }
    return steps;
  }
}

function hierarchyHolderSteps(target: string): Step[] {
  return [
    directory(target),
    {
      op: "mount",
      source: "tmpfs",
      target,
      fstype: "tmpfs",
      flags: ["MS_NOSUID", "MS_NODEV", "MS_NOEXEC"],
      data: "mode=755",
      why: "cgroup v1 has one tree a controller: a directory to hold them.",
    },
  ];
}

function bindSteps(
  hostRoot: string,
  { from, to, set }: { from: string; to: string; set: readonly string[] },
): Step[] {
  const slot = `bind:${to}`;
  return [
    {
      op: "openTree",
      path: from,
      slot,
      recursive: true,
      root: hostRoot,
      why: "The host's own view of the cgroup: there is no cgroup namespace to show another one.",
    },
    {
      op: "treeSetattr",
      slot,
      // How access times are kept is the host's to say: the tree has none.
      set: set.filter((name) => !/ATIME$/.test(name)),
      clear: [],
      propagation: "MS_SLAVE",
      recursive: true,
      why: "With the attributes that the mount is to have.",
    },
    { op: "moveMount", slot, target: to, why: "Asked for: cgroup." },
  ];
}

function directory(path: string): Step {
  return { op: "mkdir", path, mode: 0o755, why: `A directory to mount on at ${path}.` };
}
