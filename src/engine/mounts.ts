/**
 * The mounts of a container: the kernel's filesystems that every container gets, its network files, and what the
 * user asked for, in the order in which they have to be made.
 */
import { posix } from "node:path";
import { TsrunError } from "../errors.ts";
import type { OciIdMapping, OciMount } from "../runtime/oci.ts";
import { mergeTmpfsOptions } from "./tmpfs-options.ts";
import type { BindRequest, ContainerMount, ContainerRecord, MountRequest, TmpfsRequest } from "./types.ts";
import { validateVolumeRequest } from "./volumes/validate.ts";

/** Host paths of the files that tsrun writes for each container. */
export interface NetworkFiles {
  hosts: string;
  hostname: string;
  resolvConf: string;
}

/** A mount of which is known where on the host its files are (volumes/locate.ts). */
export type LocatedMount = LocatedBind | TmpfsRequest;

export interface LocatedBind extends BindRequest {
  origin?: OciMount["tsrun"];
  ids?: { uids: OciIdMapping[]; gids: OciIdMapping[] };
}

/** What the container's mounts were decided to be. */
export function mountsOf({ mounts, options }: ContainerRecord): readonly ContainerMount[] {
  return mounts ?? (options.mounts ?? []).filter(needsNoDecision);
}

/** Whether a request says everything about its mount. */
export const needsNoDecision = (mount: MountRequest | ContainerMount): mount is BindRequest | TmpfsRequest =>
  mount.type === "bind" || mount.type === "tmpfs";

/** Whether its source needs no looking for, nor its owner. */
export const isLocated = (mount: ContainerMount): mount is BindRequest | TmpfsRequest =>
  needsNoDecision(mount) && !(mount.type === "bind" && mount.mapOwner);

/** Whether the container uses a volume that is mounted on the host for it while it runs. */
export const hasMountedVolume = (record: ContainerRecord): boolean =>
  mountsOf(record).some((mount) => mount.type === "volume" && mount.needsMount);

export interface MountContext {
  requests: readonly LocatedMount[];
  files: NetworkFiles;
  readOnlyRoot: boolean;
  privileged: boolean;
  /** Bytes of /dev/shm. */
  shmSize: number;
  /** The ipc mode, which decides what /dev/shm is. */
  ipc?: string | undefined;
  /** Host path of the init program, where `--init` asks for one. */
  initBinary: string | undefined;
}

/** The files below /proc that lxcfs and the like put a container's own view over. */
const MOUNTABLE_IN_PROC = new Set(
  "cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo net/dev sys/kernel/ns_last_pid sys/crypto/fips_enabled"
    .split(" ")
    .map((name) => `/proc/${name}`),
);

/**
 * All mounts, parents before children. A request takes the place of the default mount at its target and of those
 * below it: with `-v /dev:/dev` the host's /dev/shm shows, as it does with Docker.
 */
export function resolveMounts(context: MountContext): OciMount[] {
  const asked = context.requests.map(userMount);
  const targets = asked.map((mount) => mount.destination);
  const covered = (path: string) =>
    targets.some((target) => path === target || path.startsWith(`${target}/`));

  const defaults = defaultMounts(context).filter((mount) => !covered(mount.destination));
  const files = networkFileMounts(context).filter((mount) => !targets.includes(mount.destination));
  const init =
    context.initBinary === undefined ? [] : [initMount(context.initBinary, initPath(context.requests))];
  // sort() is stable: at equal depth the order above stays, and a parent is never as deep as its child.
  return [...defaults, ...asked, ...files, ...init].sort(
    (a, b) => depth(a.destination) - depth(b.destination),
  );
}

/**
 * Where the init program appears: in the container's own /dev, a tmpfs, so that the image and its writable layer
 * stay as they are; only where the user put another /dev there, at Docker's place, which leaves that one untouched.
 */
export function initPath(requests: readonly Targeted[]): string {
  return hasMountAt(requests, "/dev") ? "/sbin/docker-init" : "/dev/init";
}

type Targeted = Pick<MountRequest, "type" | "target">;

/** Whether a request, of one type or any, is for exactly this target. */
export function hasMountAt(
  requests: readonly Targeted[],
  target: string,
  type?: MountRequest["type"],
): boolean {
  return requests.some(
    (request) => cleanTarget(request.target) === target && (type ?? request.type) === request.type,
  );
}

/** Throws ERR_TSRUN_MOUNT_INVALID or ERR_TSRUN_MOUNT_DUPLICATE; looks at no file. */
export function validateMounts(requests: readonly MountRequest[]): void {
  const seen = new Set<string>();
  for (const request of requests) {
    const target = cleanTarget(request.target);
    if (!request.target.startsWith("/")) {
      throw invalidMount(request, `invalid mount path: '${request.target}' mount path must be absolute`);
    }
    if (target === "/") throw invalidMount(request, "invalid specification: destination can't be '/'");
    if (request.type === "bind" && !request.source.startsWith("/")) {
      throw invalidMount(request, `invalid mount path: '${request.source}' mount path must be absolute`);
    }
    if (target.startsWith("/proc/") && !MOUNTABLE_IN_PROC.has(target)) {
      throw invalidMount(request, `${JSON.stringify(target)} cannot be mounted because it is inside /proc`);
    }
    if (seen.has(target)) {
      throw new TsrunError("ERR_TSRUN_MOUNT_DUPLICATE", `Duplicate mount point: ${target}`, {
        hint: "each path in the container can be mounted over once: leave one of the two out",
      });
    }
    seen.add(target);
    if (needsNoDecision(request)) userMount(request);
    else validateVolumeRequest(request);
  }
}

function userMount(request: LocatedMount): OciMount {
  const destination = cleanTarget(request.target);
  if (request.type === "tmpfs") {
    return { destination, type: "tmpfs", source: "tmpfs", options: mergeTmpfsOptions(request.options) };
  }
  const recursive = request.recursive ?? true;
  const options = [recursive ? "rbind" : "bind", request.propagation ?? "rprivate"];
  // "rro" makes the submounts read-only too (mount_setattr(2), AT_RECURSIVE); "ro" alone would leave them writable.
  if (request.readOnly) options.push(recursive && (request.readOnlyRecursive ?? true) ? "rro" : "ro");
  const { ids, origin } = request;
  return {
    destination,
    type: "bind",
    source: request.source,
    options,
    ...(ids && { uidMappings: ids.uids, gidMappings: ids.gids }),
    ...(origin && { tsrun: origin }),
  };
}

function defaultMounts({ privileged, shmSize, ipc }: MountContext): OciMount[] {
  const writable = privileged ? [] : ["ro"];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      // gid 5 is "tty" in every distribution: grantpt(3) wants slaves to belong to it.
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
      destination: "/sys",
      type: "sysfs",
      source: "sysfs",
      options: ["nosuid", "noexec", "nodev", ...writable],
    },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", ...writable],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
    ...sharedMemory(ipc, shmSize),
  ];
}

/** Where shm_open(3) looks: that of the ipc namespace which the container is in. */
function sharedMemory(ipc: string | undefined, size: number): OciMount[] {
  const destination = "/dev/shm";
  const options = ["nosuid", "noexec", "nodev"];
  if (ipc === "none") return [];
  if (ipc === "host" || ipc?.startsWith("container:")) {
    const tsrun = { isDirectory: true, ...(ipc !== "host" && { joined: true }) };
    return [
      { destination, type: "bind", source: destination, options: ["bind", "rprivate", ...options], tsrun },
    ];
  }
  return [{ destination, type: "tmpfs", source: "shm", options: [...options, "mode=1777", `size=${size}`] }];
}

function networkFileMounts({ files, readOnlyRoot }: MountContext): OciMount[] {
  const options = ["rbind", "rprivate", ...(readOnlyRoot ? ["ro"] : [])];
  return [
    { destination: "/etc/resolv.conf", type: "bind", source: files.resolvConf, options },
    { destination: "/etc/hostname", type: "bind", source: files.hostname, options },
    { destination: "/etc/hosts", type: "bind", source: files.hosts, options },
  ];
}

function initMount(source: string, destination: string): OciMount {
  return { destination, type: "bind", source, options: ["bind", "rprivate", "ro"] };
}

function depth(path: string): number {
  return path.split("/").length;
}

/** The target without "..", doubled and trailing slashes, so that equal places compare equal. */
export function cleanTarget(target: string): string {
  return posix.resolve("/", target);
}

export function invalidMount(request: Pick<MountRequest, "type">, reason: string): TsrunError {
  return new TsrunError(
    "ERR_TSRUN_MOUNT_INVALID",
    `invalid mount config for type "${request.type}": ${reason}`,
  );
}
