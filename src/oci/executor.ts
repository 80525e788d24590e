/**
 * The runtime's side of native/executor: starts one with a Plan, and talks with it. Synchronous until the process runs,
 * because there is nothing else to do meanwhile and the event loop's sockets take longer to load than all of it.
 */
import { closeSync, read, readFileSync, readSync, writeSync } from "node:fs";
import { reapChild, spawnChild } from "../kernel/child.ts";
import { nativePath } from "../kernel/native.ts";
import { sealedFile, streamSocketPair } from "../kernel/process.ts";
import { FRAME, HEADER_SIZE, numberFrame } from "../runtime/frames.ts";
import { encodePlan } from "../runtime/plan/encode.ts";
import type { Plan } from "../runtime/plan/plan.ts";
import { ociError } from "./errors.ts";
import { debug } from "./warnings.ts";

export interface Execution {
  plan: Plan;
  /** The descriptors for the Plan's slots by name; they stay the caller's, as do those below. */
  fds: Readonly<Record<string, number>>;
  /** Stay until the process ends, and tell how. */
  stay: boolean;
  /** Milliseconds after which the process is killed. */
  timeout?: number | undefined;
  /** The master of the process's terminal goes to this connected socket, or is relayed to our own terminal. */
  console?: number | "relay" | undefined;
}

export type ExecutorEvent =
  /** At a seccomp or idmap step, `listener` is the descriptor in the process that is to be fetched. */
  | { kind: "waiting"; step: number; pid: number; listener: number }
  | { kind: "failed"; step: number; errno: number; pid: number }
  | { kind: "started"; pid: number }
  /** `signal`: the number of the one that ended it, or 0. */
  | { kind: "exited"; exitCode: number; signal: number; timedOut: boolean }
  /** The executor is gone. */
  | { kind: "closed" };

const PAYLOAD = 12;
const SIZE = HEADER_SIZE + PAYLOAD;

export class Executor implements Disposable {
  readonly #control: number;
  readonly #pid: number;
  #open = true;

  private constructor(control: number, pid: number) {
    this.#control = control;
    this.#pid = pid;
  }

  /** Starts the Plan. */
  static start(execution: Execution): Executor {
    const { plan, fds, console } = execution;
    const [ours, theirs] = streamSocketPair();
    const sealed = [sealedFile("tsrun-plan", encodePlan(plan)), executable()];
    const [planFd, program] = sealed as [number, number];
    try {
      const pid = spawnChild({
        program,
        argv: ["tsrun-executor", ...executorArguments(execution)],
        env: [],
        fds: [
          ...[planFd, theirs],
          ...plan.fds.map((name) => slotDescriptor(fds, name)),
          ...(typeof console === "number" ? [console] : []),
        ],
      });
      debug(`nsexec container setup: a plan of ${plan.steps.length} steps for process ${pid}`);
      return new Executor(ours, pid);
    } catch (error) {
      closeSync(ours);
      throw error;
    } finally {
      closeSync(theirs);
      for (const fd of sealed) closeSync(fd);
    }
  }

  /** Blocks until there is something to tell. */
  next(): ExecutorEvent {
    const frame = Buffer.alloc(SIZE);
    for (let got = 0; got < SIZE; ) {
      const more = readSome(this.#control, frame, got);
      if (more === 0) return { kind: "closed" };
      got += more;
    }
    return parse(frame);
  }

  /** What there is to tell next, without holding up signals meanwhile. */
  async nextAsync(): Promise<ExecutorEvent> {
    const frame = Buffer.alloc(SIZE);
    for (let got = 0; got < SIZE; ) {
      const more = await new Promise<number>((resolve) => {
        read(this.#control, frame, got, SIZE - got, null, (error, count) => resolve(error ? 0 : count));
      });
      if (more === 0) return { kind: "closed" };
      got += more;
    }
    return parse(frame);
  }

  goOn(): void {
    writeSync(this.#control, numberFrame(FRAME.continue));
  }

  /** Lets the waiting process go to the gate where its start is waited for; nobody is its parent here any more. */
  release(): void {
    this.goOn();
    if (this.next().kind !== "started") {
      throw ociError("ERR_TSRUN_OCI_INIT_DIED", "container init process died before it could be started");
    }
    this.#reap();
  }

  /** Ends the conversation: a process that does not run yet is killed. */
  [Symbol.dispose](): void {
    this.#reap();
  }

  #reap(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#control);
    reapChild(this.#pid);
  }
}

function readSome(fd: number, buffer: Buffer, offset: number): number {
  try {
    return readSync(fd, buffer, offset, buffer.length - offset, null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ECONNRESET") return 0;
    throw error;
  }
}

function parse(frame: Buffer): ExecutorEvent {
  const type = frame.readUInt32LE(0);
  const [first = 0, second = 0, third = 0] = [0, 4, 8].map((at) => frame.readUInt32LE(HEADER_SIZE + at));
  if (type === FRAME.waiting) return { kind: "waiting", step: first, pid: second, listener: third };
  if (type === FRAME.started) return { kind: "started", pid: first };
  if (type === FRAME.exited)
    return { kind: "exited", exitCode: first, signal: second, timedOut: third !== 0 };
  return { kind: "failed", step: first, errno: second, pid: third };
}

/**
 * The program in memory of its own, which nothing in the container can change: until its execve(2) the process in there
 * runs it, and /proc/PID/exe leads to it (CVE-2019-5736).
 */
const executable = (): number => sealedFile("tsrun-executor", readFileSync(nativePath("tsrun-executor")));

function slotDescriptor(fds: Execution["fds"], name: string): number {
  const fd = fds[name];
  if (fd === undefined) throw new RangeError(`no descriptor for the slot ${name}`);
  return fd;
}

function executorArguments(execution: Execution): string[] {
  const { plan, stay, timeout, console } = execution;
  return [
    ...["--plan-fds", String(plan.fds.length)],
    ...(stay ? ["--stay"] : []),
    ...(timeout === undefined ? [] : ["--timeout", String(timeout)]),
    ...(console === undefined ? [] : ["--console", console === "relay" ? "relay" : "socket"]),
  ];
}
