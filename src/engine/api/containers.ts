import type { Readable } from "node:stream";
import type { StatsSample } from "../stats.ts";
import type { ContainerChanges, ContainerOptions, ContainerSummary } from "../types.ts";
import type { DryRun, Explanation } from "./explain.ts";
import type { CopiedFrom, CopyFromOptions, CopyToOptions, FileChange, PathStat } from "./files.ts";
import type { PullOptions } from "./images.ts";
import type { ExecOptions, ProcessHandle, ProcessList, StartOptions, WaitOptions } from "./processes.ts";

/** Containers, from create to remove. Each is named by its id, a unique prefix of it, or its name. */
export interface ContainersApi {
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
  prune(options?: PruneOptions): Promise<Pruned>;
  /** Newest first. */
  list(): Promise<ContainerSummary[]>;
  /** By id, unique id prefix or name. */
  inspect(container: string): Promise<ContainerSummary>;
  /** What a container has used so far: counters, of which two samples make rates. */
  stats(container: string): Promise<StatsSample>;
  /** Past lines of the log and, with follow, those to come. */
  logs(container: string, options?: LogOptions): AsyncIterable<LogEntry>;
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
