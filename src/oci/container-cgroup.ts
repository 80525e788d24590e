/**
 * The cgroup of an OCI container, on the drivers that the engine has (src/runtime/cgroup/driver.ts). What is its own is
 * where it lies, that one that exists is adopted, which devices are allowed, and whose words the limits are in.
 */
import { accessSync, closeSync, constants, existsSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { TsrunError } from "../errors.ts";
import { readControlIfAny } from "../kernel/cgroupfs.ts";
import { SyscallError } from "../kernel/errors.ts";
import type { Cgroup, CgroupDriver } from "../runtime/cgroup/driver.ts";
import { UNIFIED } from "../runtime/cgroup/hierarchies-v1.ts";
import { createV1Driver } from "../runtime/cgroup/v1.ts";
import { createV2Driver } from "../runtime/cgroup/v2.ts";
import type { OciLinux, OciResources } from "../runtime/oci.ts";
import type { CgroupView } from "../runtime/plan/mounts.ts";
import { ABSENT } from "./absent-cgroup.ts";
import {
  type CgroupLocation,
  cgroupPaths,
  cgroupViewOf,
  locateCgroup,
  unifiedDirectoryOf,
} from "./cgroup-location.ts";
import { delegateCgroup } from "./cgroup-owner.ts";
import { deviceRules } from "./device-rules.ts";
import { type SubCgroups, subCgroupDirectories } from "./sub-cgroups.ts";

export interface OciCgroupRequest {
  /** linux.cgroupsPath. */
  cgroupsPath: string | undefined;
  id: string;
  /** Without privileges: no cgroup is no error where nobody asked for one. */
  rootless?: boolean;
  /** --systemd-cgroup. */
  systemd?: boolean;
}

/** How a process gets into the cgroup. */
export interface CgroupJoin {
  /** For CLONE_INTO_CGROUP; the caller closes it. */
  cloneFd: number | undefined;
  /** The child writes "0" to each. */
  procsFiles: readonly string[];
}

export interface CreatedCgroup extends CgroupJoin {
  /** What a mount of type cgroup shows. */
  view: CgroupView;
  /** Directory by controller, "" for cgroup v2; none where the container has no cgroup. */
  paths: Readonly<Record<string, string>>;
}

export interface OciCgroup {
  /** For the state document, from which reopenOciCgroup() has it again; undefined where the container has no cgroup. */
  readonly location: CgroupLocation | undefined;
  /** One that is there already must be nobody else's: throws ERR_TSRUN_CGROUP_NOT_EMPTY, ERR_TSRUN_CGROUP_FROZEN. */
  refuseInUse(): void;
  /**
   * Makes it, with the limits and devices of `linux`. `ownerUid`: the host's user to whom it is delegated, where the
   * container mounts it writable in a cgroup namespace of its own (config-linux.md, "Cgroup ownership").
   * Throws ERR_TSRUN_CGROUP_*.
   */
  create(
    linux: Pick<OciLinux, "resources" | "devices">,
    options?: { ownerUid?: number | undefined },
  ): CreatedCgroup;
  /** For one more process, beside the container's first one, or in cgroups inside of the container's. */
  join(initPid: number, below?: SubCgroups): CgroupJoin;
  /** Changes the limits that are named; devices stay as they are. */
  apply(resources: OciResources): void;
  /** The driver's view of it: pids, freeze, thaw, frozen, kill, remove, oomCounter; ABSENT where there is none. */
  readonly driven: Cgroup;
  exists(): boolean;
}

/** Throws ERR_TSRUN_OCI_SYSTEMD_CGROUP, ERR_TSRUN_CGROUP_NOT_MOUNTED, ERR_TSRUN_CGROUP_PATH_INVALID. */
export function openOciCgroup(request: OciCgroupRequest): OciCgroup {
  if (request.systemd) refuseSystemd();
  return ociCgroup(locateCgroup(request.cgroupsPath, request.id), request);
}

/** The cgroup of a container that exists, by its state document. */
export const reopenOciCgroup = (location: CgroupLocation | undefined): OciCgroup =>
  location === undefined ? NO_CGROUP : ociCgroup(location, { cgroupsPath: undefined, id: "" });

const NOTHING: CgroupJoin = { cloneFd: undefined, procsFiles: [] };

const NO_CGROUP: OciCgroup = {
  location: undefined,
  driven: ABSENT,
  refuseInUse() {},
  create: () => ({ ...NOTHING, view: { version: 2 }, paths: {} }),
  join: () => NOTHING,
  apply(resources) {
    if (hasLimits(resources)) throw noPermission();
  },
  exists: () => false,
};

function ociCgroup(location: CgroupLocation, request: OciCgroupRequest): OciCgroup {
  const driver = driverOf(location);
  const self: { location: CgroupLocation | undefined; driven: Cgroup } = {
    location,
    driven: driver.open(location.path),
  };
  return {
    get location() {
      return self.location;
    },
    get driven() {
      return self.driven;
    },
    refuseInUse: () => refuseInUse(self.driven),
    create(linux, { ownerUid } = {}) {
      const resources = { ...linux.resources };
      // Without privileges the kernel neither takes the rules nor lets devices be made.
      if (request.rootless) delete resources.devices;
      else resources.devices = deviceRules(linux);
      try {
        if (request.rootless && location.version === 2) checkMayJoin(location);
        self.driven = driver.create(location.path, resources, { words: "oci", adopt: true });
      } catch (error) {
        if (!request.rootless || !isForbidden(error)) throw error;
        if (request.cgroupsPath) throw notApplied(error);
        if (hasLimits(resources)) throw noPermission(error);
        self.location = undefined;
        self.driven = ABSENT;
        // Nobody named a path, so what it would be below is the cgroup that this process, and so the container, is in.
        return { ...NOTHING, view: cgroupViewOf({ ...location, path: "" }), paths: {} };
      }
      if (ownerUid !== undefined && location.version === 2) {
        for (const directory of self.driven.directories) delegateCgroup(directory, ownerUid);
      }
      return { ...joinOf(self.driven), view: cgroupViewOf(location), paths: cgroupPaths(location) };
    },
    join: (initPid, below) =>
      below === undefined || below.size === 0
        ? joinBeside(driver.open(location.path), initPid)
        : joinBelow(location, below),
    apply({ devices: _, ...limits }) {
      driver.open(location.path).update(limits, { words: "oci" });
    },
    exists: () => self.driven.directories.some((directory) => existsSync(directory)),
  };
}

const driverOf = ({ version, roots }: CgroupLocation): CgroupDriver =>
  version === 2
    ? createV2Driver(roots[UNIFIED] ?? "/sys/fs/cgroup")
    : createV1Driver(new Map(Object.entries(roots)));

function joinOf({ cloneInto, procsFiles }: Pick<Cgroup, "cloneInto" | "procsFiles">): CgroupJoin {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  return { cloneFd: cloneInto === undefined ? undefined : openSync(cloneInto, flags), procsFiles };
}

/**
 * A container that divides its cgroup up has moved its processes out of it before, because a cgroup cannot have both
 * (cgroups(7), "no internal processes"), and may have moved it elsewhere, whereupon anybody can remove what is left: whoever
 * joins later goes where its first process is.
 */
function joinBeside(cgroup: Cgroup, initPid: number): CgroupJoin {
  const { cloneInto, procsFiles } = cgroup;
  const isLeft = cloneInto !== undefined && readControlIfAny(`${cloneInto}/cgroup.subtree_control`) !== "";
  const beside = isLeft ? unifiedDirectoryOf(initPid) : undefined;
  return joinOf({ cloneInto: beside ?? cloneInto, procsFiles });
}

function joinBelow(location: CgroupLocation, below: SubCgroups): CgroupJoin {
  const directories = subCgroupDirectories(location, below);
  const unified = directories.get(UNIFIED);
  const others = new Set([...directories.values()].filter((directory) => directory !== unified));
  return joinOf({ cloneInto: unified, procsFiles: [...others].map((directory) => `${directory}/tasks`) });
}

function refuseInUse(cgroup: Cgroup): void {
  const pids = cgroup.pids();
  if (pids.length > 0) {
    throw new TsrunError(
      "ERR_TSRUN_CGROUP_NOT_EMPTY",
      `container's cgroup is not empty: ${pids.length} process(es) found in ${cgroup.path}`,
      { hint: "each container needs a linux.cgroupsPath of its own" },
    );
  }
  if (cgroup.frozen()) {
    throw new TsrunError(
      "ERR_TSRUN_CGROUP_FROZEN",
      `container's cgroup unexpectedly frozen: ${cgroup.freezer?.file ?? cgroup.path}`,
      { hint: "thaw it first: a process in it would never run" },
    );
  }
}

/** A process may move only where it may write to the cgroup.procs of the nearest common cgroup (cgroups(7)). */
function checkMayJoin({ roots, path }: CgroupLocation): void {
  let common = (roots[UNIFIED] ?? "") + dirname(path);
  while (!existsSync(common)) common = dirname(common);
  const file = `${common}/cgroup.procs`;
  try {
    accessSync(file, constants.W_OK);
  } catch (error) {
    const { errno = 0 } = error as NodeJS.ErrnoException;
    throw new SyscallError("access", -errno, file);
  }
}

const isForbidden = (error: unknown): boolean => {
  const cause = error instanceof TsrunError ? error.cause : error;
  return cause instanceof SyscallError && ["EACCES", "EPERM", "EROFS"].includes(cause.code);
};

const hasLimits = ({ devices: _, ...limits }: OciResources): boolean =>
  Object.values(limits).some((group) => group !== undefined && Object.keys(group).length > 0);

const delegation = "delegate one: systemd-run --user --scope -p Delegate=yes, or run as root";

const notApplied = (cause: unknown): TsrunError =>
  new TsrunError(
    "ERR_TSRUN_CGROUP_CREATE",
    `unable to apply cgroup configuration: ${(cause as Error).message}: permission denied`,
    { hint: `leave linux.cgroupsPath out, or ${delegation}`, cause },
  );

const noPermission = (cause?: unknown): TsrunError =>
  new TsrunError(
    "ERR_TSRUN_CGROUP_CREATE",
    "rootless needs no limits + no cgrouppath when no permission is granted for cgroups",
    { hint: `leave linux.resources out, or ${delegation}`, cause },
  );

function refuseSystemd(): never {
  const runs = existsSync("/run/systemd/system");
  throw new TsrunError(
    "ERR_TSRUN_OCI_SYSTEMD_CGROUP",
    runs
      ? "--systemd-cgroup: tsrun makes cgroups itself and does not ask systemd for them"
      : "--systemd-cgroup: systemd not running on this host, cannot use systemd cgroups manager",
    {
      hint:
        "use cgroupfs: dockerd --exec-opt native.cgroupdriver=cgroupfs, podman --cgroup-manager cgroupfs, " +
        "SystemdCgroup = false for containerd",
    },
  );
}

/** Closes what joinOf() opened. */
export function closeJoin({ cloneFd }: CgroupJoin): void {
  if (cloneFd !== undefined) closeSync(cloneFd);
}
