/** Joins a container's process to this process's terminal or pipes until it ends or the user lets go. */
import type { Readable } from "node:stream";
import type { ExitStatus, ProcessHandle } from "../engine/api.ts";
import { createDetachFilter, DEFAULT_DETACH_KEYS, parseDetachKeys } from "./detach-keys.ts";
import type { SignalProxy } from "./signals.ts";
import { isBrokenPipe, STDERR, STDOUT, writeAll } from "./write.ts";

/** This process's ends. Everything is looked up when asked for: node:tty and node:net cost milliseconds to load. */
export interface Terminal {
  /** Whether a descriptor is a terminal. */
  isTerminal(fd: number): boolean;
  input(): Input;
  /** Size in character cells, undefined where output is not a terminal. */
  size(): { rows: number; columns: number } | undefined;
  /** Calls back after each change of the size; returns how to stop that. */
  onResize(changed: () => void): () => void;
  /** Descriptors for output. */
  stdout: number;
  stderr: number;
}

export interface Input extends Readable {
  setRawMode?(raw: boolean): unknown;
  ref?(): unknown;
  unref?(): unknown;
}

export interface AttachOptions {
  streams: { stdin: boolean; stdout: boolean; stderr: boolean };
  /** The process has a terminal of its own. */
  tty: boolean;
  detachKeys?: string | undefined;
  /** Signals caught since the start; undefined leaves them with this process. */
  signals?: SignalProxy | undefined;
}

export type Outcome =
  | { kind: "exited"; status: ExitStatus }
  | { kind: "detached" }
  | { kind: "output closed" }
  | { kind: "given up"; containerName: string };

/** So many signals that ask for an end make this process go, as docker's: the first process of a container may be deaf. */
const SIGNALS_TO_GIVE_UP = 3;

/** Attaches until the process ends, the detach keys are typed, the user insists, or the reader of our output has gone. */
export async function attach(
  handle: ProcessHandle,
  options: AttachOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { streams, tty, signals } = options;
  const letGo = Promise.withResolvers<Outcome>();
  const cleanups: (() => void)[] = [];
  if (signals !== undefined) {
    cleanups.push(() => signals.stop());
    let asked = 0;
    // The terminal tells its process of a new size itself.
    signals.connect((signal) => {
      if (!tty || signal !== "SIGWINCH") handle.kill(signal);
      if (signal === "SIGINT" || signal === "SIGTERM") asked++;
      if (asked === SIGNALS_TO_GIVE_UP) {
        letGo.resolve({ kind: "given up", containerName: handle.containerName });
      }
    });
  }
  if (tty) cleanups.push(followSize(handle, terminal));
  try {
    if (streams.stdin) {
      cleanups.push(connectInput(handle, options, terminal, () => letGo.resolve({ kind: "detached" })));
    }
    const outcome = await Promise.race([letGo.promise, finish(handle, streams, terminal)]);
    if (outcome.kind !== "exited") handle.detach();
    return outcome;
  } finally {
    for (const cleanup of cleanups) cleanup();
  }
}

/** Waits for the output to be written and the process to be gone. */
async function finish(
  handle: ProcessHandle,
  streams: AttachOptions["streams"],
  terminal: Terminal,
): Promise<Outcome> {
  const output = handle.readOutput(async (from, data) => {
    if (streams[from]) await writeAll(terminal[from], data);
  });
  try {
    const [status] = await Promise.all([handle.exited, output]);
    return { kind: "exited", status };
  } catch (error) {
    if (isBrokenPipe(error)) return { kind: "output closed" };
    throw error;
  }
}

function followSize(handle: ProcessHandle, terminal: Terminal): () => void {
  return terminal.onResize(() => {
    const size = terminal.size();
    if (size !== undefined) handle.resize(size.rows, size.columns);
  });
}

/** Input to the process, past the detach keys; returns how to stop, which restores the terminal. */
function connectInput(
  handle: ProcessHandle,
  options: AttachOptions,
  terminal: Terminal,
  detached: () => void,
): () => void {
  const input = terminal.input();
  const raw = options.tty && input.setRawMode !== undefined;
  const filter = raw
    ? createDetachFilter(parseDetachKeys(options.detachKeys ?? DEFAULT_DETACH_KEYS))
    : undefined;
  const restore = (): void => void input.setRawMode?.(false);
  if (raw) {
    input.setRawMode?.(true);
    process.once("exit", restore);
  }

  const onData = (chunk: Buffer): void => {
    const { pass, detached: letGo } = filter?.feed(chunk) ?? { pass: chunk, detached: false };
    if (pass.length > 0 && !handle.stdin.write(pass)) {
      input.pause();
      handle.stdin.once("drain", () => input.resume());
    }
    if (letGo) detached();
  };
  const onEnd = (): void => void handle.stdin.end();
  // A process that has closed its stdin, or ended, does not want the rest: that is no failure of ours.
  handle.stdin.on("error", () => input.pause());
  input.on("data", onData);
  input.once("end", onEnd);
  // A terminal whose other end hangs up reports EIO instead of an end.
  input.once("error", onEnd);

  return () => {
    input.off("data", onData);
    input.off("end", onEnd);
    input.pause();
    input.unref?.();
    if (!raw) return;
    process.off("exit", restore);
    restore();
  };
}

/** The ends of the running process. */
export function processTerminal(): Terminal {
  const output = () => [process.stdout, process.stderr].find((stream) => stream.isTTY);
  return {
    isTerminal: (fd) => process.getBuiltinModule("node:tty").isatty(fd),
    input: () => process.stdin as Input,
    size() {
      const [columns, rows] = output()?.getWindowSize() ?? [];
      return columns === undefined || rows === undefined ? undefined : { rows, columns };
    },
    onResize(changed) {
      const stream = output();
      stream?.on("resize", changed);
      return () => void stream?.off("resize", changed);
    },
    stdout: STDOUT,
    stderr: STDERR,
  };
}
