/**
 * What users ask of the engine and what it tells them: data only. The command line, the library and the other faces
 * all speak in these types; Docker's own field names appear only where a face renders them.
 */

import type { ImageConfig } from "../image/config-document.ts";
import type { PortProtocol, PortRequest, PublishedPort } from "../network/ports/types.ts";
import type { Endpoint, EndpointOptions } from "../network/types.ts";
import type { OciIdMapping, OciResources } from "../runtime/oci.ts";

export type { Endpoint, EndpointOptions, PortProtocol, PortRequest, PublishedPort };

/** Everything that `run` and `create` can say about a container; the names follow docker's flags. */
export interface ContainerOptions {
  /** Reference as the user typed it. */
  image: string;
  /** Replaces the image's Cmd; empty: the image's own. */
  command?: string[];
  /** Replaces the image's Entrypoint; [] clears it. */
  entrypoint?: string[];
  name?: string;
  hostname?: string;
  domainname?: string;
  /** KEY=VALUE, later ones win; env files are already read. */
  env?: string[];
  workdir?: string;
  /** user[:group], names or numbers. */
  user?: string;
  groupAdd?: string[];
  /** Allocate a terminal (-t). */
  tty?: boolean;
  /** Keep stdin open (-i). */
  interactive?: boolean;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  mounts?: MountRequest[];
  /** Containers whose mounts this one gets too: "CONTAINER", "CONTAINER:ro". */
  volumesFrom?: string[];
  /** The driver of volumes that are made for it and name none; "local" by default. */
  volumeDriver?: string;
  readOnly?: boolean;
  privileged?: boolean;
  init?: boolean;
  /** os/arch[/variant]. */
  platform?: string;
  pull?: "missing" | "always" | "never";
  capAdd?: string[];
  capDrop?: string[];
  /** "no-new-privileges", "seccomp=unconfined", "seccomp=/file.json", "systempaths=unconfined", … */
  securityOpt?: string[];
  ulimits?: { name: string; soft: number; hard: number }[];
  /** Size of /dev/shm in bytes; 64 MiB by default. */
  shmSize?: number;
  devices?: { host: string; container: string; permissions: string }[];
  sysctls?: Record<string, string>;
  /** Signal name or number for `stop`; the image's, else SIGTERM. */
  stopSignal?: string;
  /** Seconds that `stop` waits before SIGKILL; 10 by default. */
  stopTimeout?: number;
  oomScoreAdj?: number;
  /** "bridge" (the default), "none", "host", "container:NAME", or a network by its name or id. */
  network?: string;
  /** What is asked of each of its networks; without, it is `network` alone and nothing special. */
  endpoints?: EndpointOptions[];
  /** Ports of the host that lead to the container. */
  ports?: PortRequest[];
  /** Any free port of the host for each that image and options expose. */
  publishAll?: boolean;
  /** "80/tcp", "53/udp": beside the image's. */
  exposedPorts?: string[];
  /** "host:address". */
  extraHosts?: string[];
  dns?: string[];
  dnsSearch?: string[];
  dnsOptions?: string[];
  /** Limits, already in the units of the OCI runtime specification. */
  resources?: OciResources;
  cgroupParent?: string;
  /** "host", "remap", "auto", "auto:size=N" or "keep-id"; by default what the configuration's userns-remap says. */
  userns?: string;
  /** "host", or "container:NAME": whose processes it sees, and is seen by; its own by default. */
  pid?: string;
  /** "private" (the default), "shareable" (others may join it), "none" (no /dev/shm), "host" or "container:NAME". */
  ipc?: string;
  /** "host": it has the host's name. */
  uts?: string;
  logDriver?: "json-file" | "none";
  logOptions?: Record<string, string>;
  healthCheck?: HealthCheck;
  /** What follows the container's end; "no" where missing. */
  restartPolicy?: RestartPolicy;
  /** Remove the container when it ends (--rm). */
  autoRemove?: boolean;
  /** The streams that its first client attaches to; a note for `inspect`. */
  attach?: { stdin: boolean; stdout: boolean; stderr: boolean };
  /** Detach key sequence as docker writes it, for clients that ask. */
  detachKeys?: string;
}

/** How the container's health is looked at. What is absent, zero or empty is the image's, else the default. */
export interface HealthCheck {
  /** ["CMD", program, argument …], ["CMD-SHELL", line] or ["NONE"]: no check at all. */
  test?: string[];
  /** Nanoseconds between probes; 30 s by default. */
  interval?: number;
  /** Nanoseconds that a probe may take; 30 s by default. */
  timeout?: number;
  /** Nanoseconds from the start in which failures do not count; none by default. */
  startPeriod?: number;
  /** Nanoseconds between probes in that time; 5 s by default. */
  startInterval?: number;
  /** So many failures in a row make it unhealthy; 3 by default. */
  retries?: number;
}

export interface RestartPolicy {
  name: "no" | "always" | "unless-stopped" | "on-failure";
  /** For on-failure: how often it is started again at most, in a row; 0 for ever. */
  maximumRetryCount: number;
}

/** What `update` changes; what is not named stays as it is. */
export interface ContainerChanges {
  resources?: OciResources;
  restartPolicy?: RestartPolicy;
}

export type MountRequest = BindRequest | TmpfsRequest | VolumeRequest | ImageRequest;

export interface BindRequest {
  type: "bind";
  source: string;
  target: string;
  readOnly: boolean;
  /** false with -v (a missing source directory is made, as docker does), true with --mount. */
  sourceMustExist: boolean;
  propagation?: "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave";
  /** false: submounts are left out (bind-nonrecursive). */
  recursive?: boolean;
  /** false: of a read-only mount the submounts may be written to (bind-recursive=writable). */
  readOnlyRecursive?: boolean;
  /** Whoever owns the source is the container's user in this mount, and the other way round (U). */
  mapOwner?: boolean;
}

export interface TmpfsRequest {
  type: "tmpfs";
  target: string;
  options: string[];
  /** With --tmpfs, which `inspect` tells from --mount. */
  short?: boolean;
}

export interface VolumeRequest {
  type: "volume";
  /** "" asks for a new one with a random name. It is made where it does not exist. */
  name: string;
  target: string;
  readOnly: boolean;
  /** With -v, which `inspect` tells from --mount. */
  short?: boolean;
  /** An empty volume stays empty, whatever the image has at the target. */
  noCopy?: boolean;
  /** A file or directory in the volume to be mounted instead of the whole. */
  subpath?: string;
  /** For making it. */
  driver?: string;
  driverOptions?: Record<string, string>;
  labels?: Record<string, string>;
  mapOwner?: boolean;
}

/** An image's files, read-only. */
export interface ImageRequest {
  type: "image";
  source: string;
  target: string;
  subpath?: string;
}

/** A mount as it was decided when the container was created: with volumes that exist and images that were found. */
export type ContainerMount = BindRequest | TmpfsRequest | VolumeMount | ImageMount;

export interface VolumeMount extends VolumeRequest {
  driver: string;
  /** Made for this container, without a name, and removed with it. */
  anonymous: boolean;
  /** It has to be mounted before it can be used: it has options, or a driver that is a plugin. */
  needsMount: boolean;
}

export interface ImageMount extends ImageRequest {
  imageId: string;
  /** Diff ids, lowest layer first. */
  layers: string[];
}

export type ContainerStatus = "created" | "running" | "restarting" | "exited" | "dead";

/** containers/<id>/config.json: replaced as a whole by rename and update (change.ts), else as it was created. */
export interface ContainerRecord {
  version: 1;
  id: string;
  name: string;
  /** RFC 3339 with nanoseconds. */
  createdAt: string;
  /** The reference as typed, and the image's id (digest of its configuration). */
  image: string;
  imageId: string;
  /** Diff ids, lowest layer first. */
  layers: string[];
  /** After merging the image's Entrypoint and Cmd with the options. */
  path: string;
  args: string[];
  env: string[];
  workdir: string;
  hostname: string;
  stopSignal: string;
  stopTimeout: number;
  labels: Record<string, string>;
  /** Options and image merged; absent where neither says anything. */
  healthCheck?: HealthCheck;
  logDriver: "json-file" | "none";
  logMaxSize: number;
  logMaxFiles: number;
  cgroupPath: string;
  /** The networks that it is on, or will be when it starts, as `network connect` and `disconnect` leave them. */
  endpoints?: EndpointOptions[];
  /** What was asked for. */
  options: ContainerOptions;
  /** What became of its mounts, with those of other containers and of the image; missing: options.mounts as they are. */
  mounts?: ContainerMount[];
  /** The ids of its own user namespace; missing: it has the host's users. */
  userNamespace?: UserNamespace;
  /** The image's configuration at that time: the image itself may be gone by the next start. */
  imageConfig: ImageConfig;
}

/** Ids inside ("containerID") and on the host ("hostID"). On disk the container's files have the ids of inside. */
export interface UserNamespace {
  uids: OciIdMapping[];
  gids: OciIdMapping[];
}

/** containers/<id>/state.json: written by the container's monitor, or by a command that finds the monitor dead. */
export interface ContainerState {
  status: ContainerStatus;
  /** Process id of init on the host; 0 where none runs. */
  pid: number;
  /** Start time of that process in clock ticks since boot (proc_pid_stat(5) field 22): pids are reused. */
  startTicks: number;
  monitorPid: number;
  exitCode: number;
  oomKilled: boolean;
  /** How often its restart policy has started it again since a user started it. */
  restartCount: number;
  /** Milliseconds that it waits before that, in status "restarting". */
  restartDelay?: number;
  /** Why it could not start, or what was found wrong. */
  error: string;
  /** RFC 3339 with nanoseconds; "" where it did not happen. */
  startedAt: string;
  finishedAt: string;
  /** Not written down: its connections while it runs (container-networks.ts). */
  networks?: Endpoint[];
  /** Not written down: the ports that it publishes while it runs (published-ports.ts). */
  ports?: PublishedPort[];
  /** Not written down: what the freezer says of a container that runs (observedState()). */
  paused?: boolean;
  /** Of a container with a health check that has been started. */
  health?: ContainerHealth;
}

/** containers/<id>/health.json: written by the container's monitor after each probe. */
export interface ContainerHealth {
  /** "unhealthy" too where the container does not run any more. */
  status: "starting" | "healthy" | "unhealthy";
  failingStreak: number;
  /** The last five probes, oldest first; times as in ContainerState. */
  log: { start: string; end: string; exitCode: number; output: string }[];
}

export interface ContainerSummary {
  record: ContainerRecord;
  state: ContainerState;
}
