/**
 * The engine as its faces see it. Methods take data, descriptors and an AbortSignal and return data or streams; they
 * never print, never read process.argv and never exit. Failures are TsrunError (codes in docs/errors.md).
 */
import type { Readable, Writable } from "node:stream";
import type { ImageConfig } from "../image/config-document.ts";
import type { InspectedManifest, InspectManifestOptions } from "../image/inspect-manifest.ts";
import type { Login, LoginOptions, LoginResult } from "../image/login.ts";
import type { PullEvent } from "../image/pull-event.ts";
import type { PushedImage } from "../image/push.ts";
import type { PushEvent } from "../image/push-event.ts";
import type { FoundImage, SearchOptions } from "../image/search.ts";
import type { NetworkGraph } from "../network/graph/types.ts";
import type { NetworkRequest } from "../network/network-request.ts";
import type { Endpoint, EndpointOptions, NetworkRecord } from "../network/types.ts";
import type { ContainerConfig } from "../runtime/oci.ts";
import type { Plan } from "../runtime/plan/plan.ts";
import type { BootResult } from "./boot.ts";
import type { CheckOptions, StoreFinding, StoreLeftover, StoreReport } from "./check/report.ts";
import type { DiskUsage } from "./disk-usage.ts";
import type { EngineEvent } from "./events.ts";
import type { SystemInfo } from "./info.ts";
import type { EventsOptions } from "./read-events.ts";
import type { StatsSample } from "./stats.ts";
import type {
  ContainerChanges,
  ContainerOptions,
  ContainerRecord,
  ContainerState,
  ContainerSummary,
} from "./types.ts";
import type { VolumeSummary } from "./volumes/list.ts";
import type { PruneVolumesOptions } from "./volumes/remove.ts";

export type {
  BootResult,
  CheckOptions,
  DiskUsage,
  Endpoint,
  EndpointOptions,
  EngineEvent,
  EventsOptions,
  FoundImage,
  ImageConfig,
  InspectedManifest,
  InspectManifestOptions,
  Login,
  LoginOptions,
  LoginResult,
  NetworkGraph,
  NetworkRecord,
  NetworkRequest,
  PruneVolumesOptions,
  PullEvent,
  PushEvent,
  PushedImage,
  SearchOptions,
  StatsSample,
  StoreFinding,
  StoreLeftover,
  StoreReport,
  SystemInfo,
  VolumeSummary,
};

export interface CreateVolumeOptions {
  name?: string;
  /** "local" by default; otherwise a plugin that speaks docker's volume plugin protocol. */
  driver?: string;
  /** Of the driver; those of local are type, device and o, as mount(8) has them. */
  options?: Record<string, string>;
  labels?: Record<string, string>;
}

export interface EngineApi {
  /** Pulls an image by reference; resolves once every layer is verified and visible. */
  pull(reference: string, options?: PullOptions): Promise<ImageSummary>;
  /** Gives an image, by name or id, another name; whatever had that name loses it. */
  tag(source: string, target: string): Promise<void>;
  /** Pushes an image by its tag, or all tags of a repository; resolves once the registry has verified all of it. */
  push(reference: string, options?: PushOptions): Promise<PushedImage[]>;
  /** All tags of a repository, from its registry. */
  tags(repository: string, options?: { signal?: AbortSignal }): Promise<string[]>;
  /** Images of Docker Hub, or of the registry that the term begins with, whose names or descriptions match. */
  search(term: string, options?: SearchOptions): Promise<FoundImage[]>;
  /** What a registry has under a name. */
  inspectManifest(reference: string, options?: InspectManifestOptions): Promise<InspectedManifest>;
  /** Has a registry look at credentials and keeps them where docker keeps them. */
  login(options?: LoginOptions): Promise<LoginResult>;
  /** The user whose credentials are kept for a server, Docker Hub by default. */
  knownLogin(server?: string): Promise<Login | undefined>;
  /** Forgets them; `removed` is false where there were none. */
  logout(server?: string): Promise<{ server: string; removed: boolean }>;
  /** All images, newest first; `reference` limits them to one repository or name. */
  images(reference?: string): Promise<ImageSummary[]>;
  inspectImage(reference: string): Promise<ImageDetails>;
  /** Untags, and deletes what no name refers to any more; refuses while a container uses it unless forced. */
  removeImage(
    reference: string,
    options?: { force?: boolean },
  ): Promise<{ untagged: string[]; deleted: string[] }>;
  /** Removes images that have no name, or all that no container was made of, and content that nothing needs. */
  pruneImages(options?: PruneImagesOptions): Promise<PrunedImages>;
  /** What the data root takes of the disk, to the block. */
  diskUsage(): Promise<DiskUsage>;
  /** Whether everything in the store is what it is said to be; with `repair` mends what can be. */
  check(options?: CheckOptions): Promise<StoreReport>;
  info(): Promise<SystemInfo>;

  create(
    options: ContainerOptions,
    pull?: PullOptions,
  ): Promise<{ id: string; name: string; warnings: string[] }>;
  /** Starts a created or exited container and attaches to it. */
  start(container: string, options?: StartOptions): Promise<ProcessHandle>;
  /** create + start; with autoRemove the container is gone when `exited` has resolved. */
  run(options: ContainerOptions, start?: RunOptions): Promise<ProcessHandle>;
  exec(container: string, options: ExecOptions): Promise<ProcessHandle>;
  attach(container: string): Promise<ProcessHandle>;

  /** stop + start, or start alone where it does not run. */
  restart(container: string, options?: { timeout?: number; signal?: string }): Promise<void>;
  /** Stop signal, then SIGKILL after `timeout` seconds (the container's own by default; -1 waits for ever). */
  stop(container: string, options?: { timeout?: number; signal?: string }): Promise<void>;
  kill(container: string, signal?: string): Promise<void>;
  /** `volumes`: also those that it was given without a name. */
  remove(container: string, options?: { force?: boolean; volumes?: boolean }): Promise<void>;
  /** The exit code of the run that is under way or the last one, once it has ended. */
  wait(container: string, options?: WaitOptions): Promise<number>;
  rename(container: string, name: string): Promise<void>;
  pause(container: string): Promise<void>;
  unpause(container: string): Promise<void>;
  /** Limits at once and for later starts; nothing changes where one of them is refused. */
  update(container: string, changes: ContainerChanges): Promise<void>;
  /** What ps(1) of the host says of the container's processes; `psArguments` are ["-ef"] by default. */
  top(container: string, psArguments?: readonly string[]): Promise<ProcessList>;
  /** Removes all containers that do not run. */
  pruneContainers(options?: PruneOptions): Promise<Pruned>;
  /** Newest first. */
  list(): Promise<ContainerSummary[]>;
  /** By id, unique id prefix or name. */
  inspect(container: string): Promise<ContainerSummary>;
  /** What a container has used so far: counters, of which two samples make rates. */
  stats(container: string): Promise<StatsSample>;
  /** Past lines of the log and, with follow, those to come. */
  logs(container: string, options?: LogOptions): AsyncIterable<LogEntry>;
  /** What happens to containers, images and networks; with `since` or `until` also what has happened. */
  events(options?: EventsOptions): AsyncIterable<EngineEvent>;

  /** What is at a path of the container; a link at its end is not followed unless asked for. */
  statPath(container: string, path: string, options?: { follow?: boolean }): Promise<PathStat>;
  /** A file or directory of the container, running or not, as a tar archive; to be read to its end or destroyed. */
  copyFrom(container: string, path: string, options?: CopyFromOptions): Promise<CopiedFrom>;
  /** Unpacks a tar archive, plain or compressed, in an existing directory of the container. */
  copyTo(
    container: string,
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options?: CopyToOptions,
  ): Promise<void>;
  /** Image and writable layer merged, as a tar archive, without what is mounted on them. */
  export(container: string, options?: { signal?: AbortSignal }): Promise<Readable>;
  /** What the container has changed of its image, sorted by path. */
  diff(container: string): Promise<FileChange[]>;
  /** Makes an image of the container as it is now. */
  commit(container: string, options?: CommitOptions): Promise<{ id: string }>;
  /** Makes an image of one layer out of a tar archive, plain or compressed, or of what is at a URL. */
  importImage(
    source: AsyncIterable<Uint8Array> | { url: string },
    options?: ImportOptions,
  ): Promise<{ id: string }>;

  /**
   * Images as one tar archive that is docker's and an OCI layout at once, always the same for the same images; to be
   * read to its end or destroyed. A repository without a tag means all its tags.
   */
  save(images: readonly string[], options?: SaveOptions): Promise<Readable>;
  /** The images of such an archive, plain or compressed, or of an OCI layout in a directory; all of them or none. */
  load(source: AsyncIterable<Uint8Array> | { path: string }, options?: LoadOptions): Promise<LoadedImage[]>;
  /** How the image was made, the latest step first. */
  history(image: string): Promise<ImageHistoryEntry[]>;

  /** Makes a network; subnets that are not named are chosen from the address pools. */
  createNetwork(request: NetworkRequest): Promise<{ id: string; warnings: readonly string[] }>;
  /** By name. */
  networks(): Promise<NetworkSummary[]>;
  /** By id, unique id prefix or name. */
  inspectNetwork(network: string): Promise<NetworkDetails>;
  /** The path of its packets, link by link and rule by rule, as the kernel has it now. */
  networkGraph(network: string): Promise<NetworkGraph>;
  /** Refuses while a container that runs is on it. */
  removeNetwork(network: string): Promise<void>;
  /** Removes all networks that nobody is on; returns their names. */
  pruneNetworks(options?: PruneNetworksOptions): Promise<string[]>;
  /** Puts a container on one more network, at once where it runs. */
  connectNetwork(container: string, options: EndpointOptions): Promise<{ warnings: readonly string[] }>;
  disconnectNetwork(container: string, options: { network: string; force?: boolean }): Promise<void>;

  /** A volume, made or, where one of that name and driver exists, found; without a name it gets a random one. */
  createVolume(options?: CreateVolumeOptions): Promise<VolumeSummary>;
  /** Sorted by name. */
  listVolumes(): Promise<VolumeSummary[]>;
  inspectVolume(name: string): Promise<VolumeSummary>;
  /** Refuses while a container has it, running or not; with `force` one that does not exist is no error. */
  removeVolume(name: string, options?: { force?: boolean }): Promise<void>;
  /** Removes local volumes that no container has: those without a name, or all. */
  pruneVolumes(options?: PruneVolumesOptions): Promise<Pruned>;

  /** The Plan that `run` would execute; the image has to be here already. */
  dryRun(options: ContainerOptions): Promise<DryRun>;
  /** `run`, with every kernel step accounted for right before the program takes over. */
  explain(options: ContainerOptions, start: ExplainOptions): Promise<ProcessHandle>;
  /**
   * Removes an ended `--rm` container that nobody waited for; its monitor's last act is to have this called. `lockFd`:
   * the container's lock, which the caller has inherited from the monitor.
   */
  reap(id: string, lockFd?: number): Promise<void>;
  /** Starts a container again that its monitor has kept waiting for that, as its restart policy says. */
  revive(id: string, lockFd?: number): Promise<void>;
  /** Answers what containers ask of their name server; `listenerFd` is the socket that their monitors connect to. */
  serveNames(listenerFd: number): Promise<void>;
  /** After a boot: starts what restart policies bring back; calls back for each container that it starts or cannot. */
  boot(onResult: (result: BootResult) => void): Promise<void>;
  /** Before the machine goes down: stops all, such that `boot` brings them back. */
  shutdown(onResult: (result: BootResult) => void): Promise<void>;
}

export interface NetworkSummary extends NetworkRecord {
  /** Ids of those that run and are on it; nothing is kept of who is on host and none. */
  containers: string[];
}

export interface NetworkDetails {
  network: NetworkRecord;
  /** Of host and none the container and its name alone. */
  containers: (Pick<Endpoint, "containerId" | "name" | "endpointId" | "macAddress" | "address"> &
    Partial<Endpoint>)[];
}

export interface PruneNetworksOptions {
  /** Which of those that nobody is on; all by default. */
  matches?: (network: NetworkSummary) => boolean;
}

export interface PullOptions {
  platform?: string;
  onProgress?: (event: PullEvent) => void;
  signal?: AbortSignal;
}

export interface PushOptions {
  /** All tags of the repository; the reference's own is not looked at. */
  allTags?: boolean;
  /** Of an index only this platform's image. */
  platform?: string;
  onProgress?: (event: PushEvent) => void;
  signal?: AbortSignal;
}

export interface ImageSummary {
  /** Digest of the configuration: "sha256:…". */
  id: string;
  /** Familiar names: "alpine:3.20", "localhost:5000/x:1". */
  names: string[];
  /** Familiar name@digest of the manifest or index that the names were pulled by. */
  digests: string[];
  /** RFC 3339, from the configuration. */
  created: string;
  /** Bytes of the unpacked layers. */
  size: number;
}

export interface ImageDetails extends ImageSummary {
  architecture: string;
  os: string;
  variant: string | undefined;
  author: string;
  comment: string;
  /** The docker that built it; "" where it was none, or does not say. */
  dockerVersion: string;
  config: ImageConfig;
  /** Diff ids, lowest first. */
  layers: string[];
}

export interface StartOptions {
  /** What to attach; nothing attached and nobody waiting is `run -d`. */
  attach?: { stdin: boolean; stdout: boolean; stderr: boolean };
  /** Initial terminal size. */
  size?: { rows: number; columns: number };
  /** Gives up a start that is under way: nothing runs then. A process that runs is ended by kill(). */
  signal?: AbortSignal;
}

export interface RunOptions extends StartOptions {
  pull?: PullOptions;
  /** Called once the container exists and before it starts: the place for --cidfile and for warnings. */
  onCreated?: (created: { id: string; name: string; warnings: string[] }) => void;
}

export interface ExplainOptions extends RunOptions {
  /** Called with the account of all steps while the process waits before execve. */
  onExplained: (explanation: Explanation) => void;
}

export interface ExecOptions extends StartOptions {
  command: string[];
  env?: string[];
  workdir?: string;
  user?: string;
  tty?: boolean;
  interactive?: boolean;
  privileged?: boolean;
  /** Nobody attached; `exited` of the handle resolves at once. */
  detach?: boolean;
}

/** A process in a container, seen through its monitor. */
export interface ProcessHandle {
  readonly containerId: string;
  readonly containerName: string;
  /** Process id on the host. */
  readonly pid: number;
  /** What the user should know about this start, in sentences. */
  readonly warnings: readonly string[];
  readonly stdin: Writable;
  /** With a terminal everything arrives on stdout. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * The output without the two streams, which take longer to load than a short process to run: `take` is called with each
   * piece, and again when it is done with it. Resolves at the end of both, rejects as `take` does.
   */
  readOutput(take: (from: "stdout" | "stderr", data: Buffer) => Promise<void>): Promise<void>;
  /** Resolves when the process has ended, its output has been delivered and what is its own is cleaned up. */
  readonly exited: Promise<ExitStatus>;
  resize(rows: number, columns: number): void;
  /** Signal name ("SIGTERM", "TERM") or number, sent to the process. */
  kill(signal: string | number): void;
  /** Lets go: the process goes on without this client. */
  detach(): void;
}

export interface WaitOptions {
  signal?: AbortSignal;
}

export interface ProcessList {
  titles: string[];
  /** One row a process, a field for each title. */
  processes: string[][];
}

export interface PruneOptions {
  /** Which of those that do not run; all by default. */
  matches?: (container: ContainerSummary) => boolean;
}

export interface Pruned {
  /** Ids. */
  deleted: string[];
  /** What their files took. */
  bytes: number;
}

export interface PruneImagesOptions {
  /** Also images with names. */
  all?: boolean;
  /** Which of them; all by default. */
  matches?: (image: ImageDetails) => boolean;
  signal?: AbortSignal;
}

export interface PrunedImages {
  /** Familiar names. */
  untagged: string[];
  /** Ids of images, diff ids of layers. */
  deleted: string[];
  /** What of the disk is free now. */
  bytes: number;
  /** False where commands at work on the store (a long pull) kept content from being removed. */
  complete: boolean;
}

export interface ExitStatus {
  /** 128+n where signal n ended it. */
  exitCode: number;
  oomKilled: boolean;
  record?: ContainerRecord;
  state?: ContainerState;
}

export interface LogOptions {
  follow?: boolean;
  /** Only the last n lines. */
  tail?: number;
  /** RFC 3339 or unix seconds, bounds of the entries' times. */
  since?: string;
  until?: string;
  signal?: AbortSignal;
}

export interface LogEntry {
  stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds. */
  time: string;
  /** As written, newline included where the process wrote one. */
  text: string;
}

export interface DryRun {
  /** The OCI runtime configuration that the Plan carries out. */
  config: ContainerConfig;
  plan: Plan;
}

export interface Explanation {
  containerId: string;
  /** What was made on the host before the Plan ran. */
  preparation: { what: string; why: string; proof: string[] }[];
  steps: ExplainedStep[];
}

export interface ExplainedStep {
  /** From 1. */
  number: number;
  executor: "monitor" | "container";
  /** As strace(1) prints it. */
  call: string;
  why: string;
  /** "file: what it says", read while the process waits right before execve. */
  proof: string[];
}

export interface PathStat {
  /** The path's last component. */
  name: string;
  size: number;
  /** As stat(2) has it, type included. */
  mode: number;
  /** RFC 3339. */
  mtime: string;
  isDirectory: boolean;
  /** Of a symbolic link, else "". */
  linkTarget: string;
}

export interface CopyFromOptions {
  /** Copies what a link leads to, by the link's name. */
  followLink?: boolean;
  signal?: AbortSignal;
}

export interface CopiedFrom {
  stat: PathStat;
  /** All names begin with the path's last component; "." for a path that ends so, and for the root. */
  archive: Readable;
}

export interface CopyToOptions {
  /** Keeps the archive's owners and extended attributes; otherwise everything is root's. */
  keepOwner?: boolean;
  signal?: AbortSignal;
}

export interface FileChange {
  /** Added, changed or deleted. */
  kind: "A" | "C" | "D";
  path: string;
}

export interface CommitOptions {
  /** What to call the image; it has no name without. */
  reference?: string;
  author?: string;
  message?: string;
  /** Dockerfile instructions that change its configuration: "CMD echo hi", "ENV A=b". */
  changes?: string[];
  /** Stops the container's processes meanwhile, so that their files agree with each other; true by default. */
  pause?: boolean;
  signal?: AbortSignal;
}

export interface ImportOptions {
  reference?: string;
  message?: string;
  changes?: string[];
  /** os/arch[/variant]; this host's by default. */
  platform?: string;
  signal?: AbortSignal;
}

export interface SaveOptions {
  /** Refuses an image of another platform. */
  platform?: string;
  signal?: AbortSignal;
}

export interface LoadOptions {
  /** Of an image that the archive has for several; by default what this host runs best. */
  platform?: string;
  onProgress?: (event: PullEvent) => void;
  signal?: AbortSignal;
}

export interface LoadedImage {
  id: string;
  /** Familiar names; none where the archive has none. */
  names: string[];
  /** Names that meant another image before, which lost them. */
  displaced: { name: string; id: string }[];
}

export interface ImageHistoryEntry {
  /** The image's for the latest step; undefined for those before, which are no images. */
  id: string | undefined;
  /** Familiar names of the image. */
  names: string[];
  /** RFC 3339, "" where it is not known. */
  created: string;
  createdBy: string;
  comment: string;
  /** Bytes of the step's layer; 0 where it has none. */
  size: number;
}
