/**
 * The OCI runtime configuration (runtime-spec 1.2, config.md and config-linux.md). Field names and shapes are the
 * specification's; a document that validateConfig() has accepted is of this type, its absent lists empty.
 */
export interface OciConfig {
  ociVersion: string;
  hostname?: string;
  domainname?: string;
  /** May be absent until the container is started. */
  process?: OciProcess;
  root: { path: string; readonly?: boolean };
  mounts: OciMount[];
  hooks?: OciHooks;
  annotations?: Record<string, string>;
  linux: OciLinux;
}

/** The configuration of a container that is about to be started. */
export type ContainerConfig = OciConfig & { process: OciProcess };

export interface OciProcess {
  terminal?: boolean;
  /** Initial size in character cells of the terminal. */
  consoleSize?: { height: number; width: number };
  /** Absolute path inside the container. */
  cwd: string;
  /** KEY=VALUE. */
  env: string[];
  args: string[];
  user: { uid: number; gid: number; umask?: number; additionalGids?: number[] };
  capabilities?: OciCapabilities;
  rlimits?: OciRlimit[];
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
  apparmorProfile?: string;
  selinuxLabel?: string;
  scheduler?: OciScheduler;
  ioPriority?: { class: string; priority: number };
  /** CPU lists ("0-3,7") of a process that joins: before and after it is in the container's cgroup. */
  execCPUAffinity?: { initial?: string; final?: string };
}

/** -1 is no limit. */
export interface OciRlimit {
  type: string;
  soft: number;
  hard: number;
}

/** sched_setattr(2); times in nanoseconds. */
export interface OciScheduler {
  policy: string;
  nice?: number;
  priority?: number;
  flags?: string[];
  runtime?: number;
  deadline?: number;
  period?: number;
}

/** Capability names as in capabilities(7): "CAP_CHOWN". */
export interface OciCapabilities {
  bounding: string[];
  effective: string[];
  inheritable: string[];
  permitted: string[];
  ambient: string[];
}

/** A command that is given the container's state on its standard input (config.md, "POSIX-platform Hooks"). */
export interface OciHook {
  /** Absolute. */
  path: string;
  /** With argv[0]. */
  args?: string[];
  env?: string[];
  /** Seconds. */
  timeout?: number;
}

export type OciHookPoint =
  | "prestart"
  | "createRuntime"
  | "createContainer"
  | "startContainer"
  | "poststart"
  | "poststop";

export type OciHooks = { [Point in OciHookPoint]?: OciHook[] };

export interface OciMount {
  destination: string;
  /** A filesystem type, or "bind"/absent with "bind" or "rbind" among the options. */
  type?: string;
  source?: string;
  options?: string[];
  /** Owners in the source ("containerID") as they are seen in the container ("hostID"). */
  uidMappings?: OciIdMapping[];
  gidMappings?: OciIdMapping[];
  tsrun?: MountOrigin;
}

export interface OciIdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

/** Not the specification's: what else is to be known of a bind mount's source. */
export interface MountOrigin {
  /** The directory that `source` is below. Its contents are not trusted: no link in it may lead out. */
  within?: string;
  /** `source` is this overlay of an image's layers, which has to be mounted first. */
  overlay?: { layersDir: string; lower: string[]; target: string; userXattr?: boolean };
  isDirectory: boolean;
  /** `source` is a path of the container whose ipc namespace is joined. */
  joined?: boolean;
  /** Its owners are those of the container's user namespace, where it has one: as on disk, seen from inside. */
  mapped?: boolean;
}

export type OciNamespaceType = "mount" | "pid" | "uts" | "ipc" | "network" | "cgroup" | "user" | "time";

export interface OciNamespace {
  type: OciNamespaceType;
  /** Of one that is there already; absolute, of the host. */
  path?: string;
}

export type OciRootfsPropagation =
  | "private"
  | "rprivate"
  | "slave"
  | "rslave"
  | "shared"
  | "rshared"
  | "unbindable"
  | "runbindable";

export interface OciLinux {
  namespaces: OciNamespace[];
  uidMappings?: OciIdMapping[];
  gidMappings?: OciIdMapping[];
  /** By clock: "monotonic" and "boottime". */
  timeOffsets?: Record<string, { secs?: number; nanosecs?: number }>;
  devices?: OciDevice[];
  cgroupsPath?: string;
  resources?: OciResources;
  sysctl?: Record<string, string>;
  seccomp?: OciSeccomp;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  rootfsPropagation?: OciRootfsPropagation;
  /** The SELinux context of the mounts. */
  mountLabel?: string;
  intelRdt?: OciIntelRdt;
  personality?: { domain: string; flags?: string[] };
  /** set_mempolicy(2), of version 1.3: "MPOL_BIND" with the nodes "0-3". */
  memoryPolicy?: { mode: string; nodes?: string; flags?: string[] };
  /** Network devices to be moved in, of version 1.3. */
  netDevices?: Record<string, { name?: string }>;
}

/** resctrl(5 of the kernel: Documentation/arch/x86/resctrl.rst). */
export interface OciIntelRdt {
  closID?: string;
  l3CacheSchema?: string;
  memBwSchema?: string;
  schemata?: string[];
  enableMonitoring?: boolean;
}

export interface OciDevice {
  type: "c" | "b" | "u" | "p";
  path: string;
  major?: number;
  minor?: number;
  /** Permission bits, decimal in JSON: 0o666 is 438. */
  fileMode?: number;
  uid?: number;
  gid?: number;
}

/** A rule of the device cgroup; they apply in their order, the last one that matches decides. */
export interface OciDeviceRule {
  allow: boolean;
  type?: string;
  major?: number;
  minor?: number;
  access?: string;
}

/** config-linux.md "Control groups"; sizes in bytes, times in microseconds. */
export interface OciResources {
  /** In order, each overriding those before it. */
  devices?: OciDeviceRule[];
  memory?: {
    limit?: number;
    /** Soft limit: memory.low on v2, memory.soft_limit_in_bytes on v1. */
    reservation?: number;
    /** Memory plus swap, as on v1; -1 is unlimited. */
    swap?: number;
    /** Gone from kernels: read and ignored. */
    kernel?: number;
    /** Gone from kernels: read and ignored. */
    kernelTCP?: number;
    /** 0-100; cgroup v1 only. */
    swappiness?: number;
    disableOOMKiller?: boolean;
    useHierarchy?: boolean;
    /** Refuse a new limit below what is in use, where the kernel would kill instead (v2). */
    checkBeforeUpdate?: boolean;
  };
  cpu?: {
    shares?: number;
    quota?: number;
    burst?: number;
    period?: number;
    /** cgroup v1 only. */
    realtimeRuntime?: number;
    /** cgroup v1 only. */
    realtimePeriod?: number;
    cpus?: string;
    mems?: string;
    /** 1: scheduled only when nothing else wants to run. */
    idle?: number;
  };
  pids?: { limit?: number };
  blockIO?: {
    weight?: number;
    leafWeight?: number;
    weightDevice?: { major: number; minor: number; weight?: number; leafWeight?: number }[];
    throttleReadBpsDevice?: OciThrottle[];
    throttleWriteBpsDevice?: OciThrottle[];
    throttleReadIOPSDevice?: OciThrottle[];
    throttleWriteIOPSDevice?: OciThrottle[];
  };
  hugepageLimits?: { pageSize: string; limit: number }[];
  /** net_cls and net_prio, cgroup v1 only. */
  network?: { classID?: number; priorities?: { name: string; priority: number }[] };
  /** By device. */
  rdma?: Record<string, { hcaHandles?: number; hcaObjects?: number }>;
  /** Files of cgroup v2 and their content. */
  unified?: Record<string, string>;
}

export interface OciThrottle {
  major: number;
  minor: number;
  rate: number;
}

/** config-linux.md "Seccomp". */
export interface OciSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  /** The socket that is given the descriptor of SCMP_ACT_NOTIFY, and what goes with it. */
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: OciSeccompRule[];
}

/** A 64-bit number; beyond 2^53 as its decimal digits. */
export type OciWord = number | string;

export interface OciSeccompRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: { index: number; value: OciWord; valueTwo?: OciWord; op: string }[];
}
