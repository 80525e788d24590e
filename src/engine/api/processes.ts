/** Processes in containers, and how they are attached to. */
import type { Readable, Writable } from "node:stream";
import type { ContainerRecord, ContainerState } from "../types.ts";

export interface StartOptions {
  /** What to attach; nothing attached and nobody waiting is `run -d`. */
  attach?: { stdin: boolean; stdout: boolean; stderr: boolean };
  /** Initial terminal size. */
  size?: { rows: number; columns: number };
  /** Gives up a start that is under way: nothing runs then. A process that runs is ended by kill(). */
  signal?: AbortSignal;
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

export interface ExitStatus {
  /** 128+n where signal n ended it. */
  exitCode: number;
  oomKilled: boolean;
  record?: ContainerRecord;
  state?: ContainerState;
}

export interface WaitOptions {
  signal?: AbortSignal;
}

export interface ProcessList {
  titles: string[];
  /** One row a process, a field for each title. */
  processes: string[][];
}
