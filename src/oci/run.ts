/** run: create and start in one, and where it stays in the foreground, delete. */
import { constants } from "node:os";
import type { Plan } from "../runtime/plan/plan.ts";
import { type CreateOptions, complete, orDestroy, prepareContainer } from "./create.ts";
import { destroy } from "./delete.ts";
import { ociError } from "./errors.ts";
import type { Executor, ExecutorEvent } from "./executor.ts";
import { stepFailure } from "./failure.ts";
import { runHooks } from "./hooks.ts";
import { killNow } from "./kill.ts";
import { type NotifySocket, openNotifySocket, passReadiness } from "./notify.ts";
import { startContainerHooks } from "./start-hooks.ts";
import { containerDirectory, publicState } from "./state.ts";

export interface RunOptions extends CreateOptions {
  detach?: boolean | undefined;
  /** The container is not deleted when its process has ended. */
  keep?: boolean | undefined;
}

/** Runs a container and returns the exit code of its process; 0 at once where it is detached. */
export async function runContainer(options: RunOptions): Promise<number> {
  const { root, detach = false, keep = false } = options;
  const signals = detach ? undefined : holdSignals();
  const created = await prepareContainer(options, { waits: false, stay: !detach });
  const { state, plan, executor } = created;
  let notify: NotifySocket | undefined;
  await orDestroy(root, created, async () => {
    await startContainerHooks(state);
    notify = openNotifySocket(options.notifySocket, containerDirectory(root, state.id));
    complete(options, state);
    executor.goOn();
    awaitStarted(plan, executor);
    try {
      runHooks(state.config.hooks?.poststart, { name: "poststart", state: publicState(state, "running") });
    } catch (error) {
      await killNow(state);
      throw error;
    }
  });
  // Who is in the foreground passes its signals on, and is the one to watch.
  const ready = passReadiness(notify, state, detach ? state.pid : process.pid);
  if (signals === undefined) {
    executor[Symbol.dispose]();
    await ready;
    return 0;
  }
  const exitCode = await awaitEnd(executor, signals, state.pid);
  if (!keep) await destroy(root, state);
  return exitCode;
}

/** Returns when execve(2) has succeeded; throws why it has not. `waits` is called at each step that waits before it. */
export function awaitStarted(
  plan: Plan,
  executor: Executor,
  waits?: (event: ExecutorEvent & { kind: "waiting" }) => void,
): number {
  let event = executor.next();
  for (; event.kind === "waiting"; event = executor.next()) {
    waits?.(event);
    executor.goOn();
  }
  if (event.kind === "started") return event.pid;
  if (event.kind === "failed") throw stepFailure(plan, event);
  throw ociError("ERR_TSRUN_OCI_INIT_DIED", "container init process died before its program was executed");
}

/** Signals that arrived for the process before it was there, and a way to get those to come. */
export interface HeldSignals {
  forwardTo(pid: number): void;
  release(): void;
}

/** Ours alone: a stop that nobody asked for, our children's ends, and what ends this process however it is handled. */
const KEPT = new Set([
  "SIGKILL",
  "SIGSTOP",
  "SIGCHLD",
  "SIGWINCH",
  "SIGPROF",
  "SIGURG",
  "SIGSEGV",
  "SIGBUS",
  "SIGFPE",
  "SIGILL",
  "SIGPIPE",
  "SIGTRAP",
  "SIGSYS",
  "SIGPOLL",
  "SIGIO",
  "SIGSTKFLT",
  "SIGUNUSED",
  "SIGABRT",
  "SIGIOT",
]);

/** Catches every signal that can be meant for the process in the foreground. */
export function holdSignals(): HeldSignals {
  const held: NodeJS.Signals[] = [];
  let target: number | undefined;
  const take = (signal: NodeJS.Signals): void => {
    if (target === undefined) held.push(signal);
    else send(target, signal);
  };
  const names = Object.keys(constants.signals).filter((name) => !KEPT.has(name)) as NodeJS.Signals[];
  for (const name of names) process.on(name, take);
  return {
    forwardTo(pid) {
      target = pid;
      for (const signal of held.splice(0)) send(pid, signal);
    },
    release() {
      for (const name of names) process.off(name, take);
    },
  };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended, which is about to be heard.
  }
}

/** The exit code of the process, 128+n where signal n ended it. */
export async function awaitEnd(executor: Executor, signals: HeldSignals, pid: number): Promise<number> {
  signals.forwardTo(pid);
  const event = await executor.nextAsync();
  signals.release();
  if (event.kind === "exited") return event.exitCode;
  throw ociError("ERR_TSRUN_OCI_EXECUTOR_DIED", "the process's executor ended without a word");
}
