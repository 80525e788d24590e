/** Hands a Plan to a monitor process, which executes it (ARCHITECTURE.md, "Processes"). */
import { closeSync } from "node:fs";
import { nativePath } from "../kernel/native.ts";
import { sealedFile, spawnDetached, streamSocketPair } from "../kernel/process.ts";
import type { MonitorClient } from "./monitor-client.ts";
import { encodePlan } from "./plan/encode.ts";
import type { Plan } from "./plan/plan.ts";

/** What the monitor is told beside the Plan; native/monitor/options.h explains each. */
export interface MonitorOptions {
  id: string;
  terminal: boolean;
  stdin: boolean;
  /** Stdin ends when the launcher's connection does. */
  stdinOnce: boolean;
  /** The record of the end must survive a power failure. */
  durable: boolean;
  stateFile?: string;
  socketDir?: string;
  log?: { file: string; maxSize: number; maxFiles: number } | undefined;
  oomCounter?: { file: string; key: string } | undefined;
  /** Directories and files that go when the process has ended. */
  rmdir?: readonly string[];
  unlink?: readonly string[];
  /** Executed at the very end where no client has acknowledged it. */
  onExit?: readonly string[] | undefined;
}

export interface Launch {
  plan: Plan;
  /** The descriptors for the Plan's slots by name; they stay the caller's to close. */
  fds: Readonly<Record<string, number>>;
  /** The container's lock, which the monitor shares from now on. */
  lockFd: number;
  monitor: MonitorOptions;
  /** KEY=VALUE, for the monitor and the program that it becomes in the end. */
  env: string[];
}

/** Starts a monitor; what becomes of the Plan is told by the client's `started`. */
export async function launch({ plan, fds, lockFd, monitor, env }: Launch): Promise<MonitorClient> {
  const [ours, theirs] = streamSocketPair();
  let planFd: number | undefined;
  try {
    planFd = sealedFile("tsrun-plan", encodePlan(plan));
    spawnDetached(
      nativePath("tsrun-monitor"),
      ["tsrun-monitor", ...monitorArguments(monitor, plan.fds.length)],
      {
        env,
        fds: [planFd, theirs, ...plan.fds.map((name) => slotDescriptor(fds, name)), lockFd],
      },
    );
  } catch (error) {
    closeSync(ours);
    throw error;
  } finally {
    if (planFd !== undefined) closeSync(planFd);
    closeSync(theirs);
  }
  // Loaded now that the monitor is at work: node:net takes as long as half a container start.
  const { adoptMonitorSocket } = await import("./monitor-client.ts");
  return adoptMonitorSocket(ours);
}

function slotDescriptor(fds: Launch["fds"], name: string): number {
  const fd = fds[name];
  if (fd === undefined) throw new RangeError(`no descriptor for the slot ${name}`);
  return fd;
}

function monitorArguments(options: MonitorOptions, planFds: number): string[] {
  const { log, oomCounter } = options;
  return [
    ...["--id", options.id, "--plan-fds", String(planFds)],
    ...(options.terminal ? ["--terminal"] : []),
    ...(options.stdin ? ["--stdin"] : []),
    ...(options.stdinOnce ? ["--stdin-once"] : []),
    ...(options.durable ? ["--durable"] : []),
    ...(options.stateFile ? ["--state", options.stateFile] : []),
    ...(options.socketDir ? ["--socket-dir", options.socketDir] : []),
    ...(log
      ? ["--log", log.file, "--log-size", String(log.maxSize), "--log-files", String(log.maxFiles)]
      : []),
    ...(oomCounter ? ["--oom-file", oomCounter.file, "--oom-key", oomCounter.key] : []),
    ...(options.rmdir ?? []).flatMap((path) => ["--rmdir", path]),
    ...(options.unlink ?? []).flatMap((path) => ["--unlink", path]),
    ...(options.onExit ? ["--", ...options.onExit] : []),
  ];
}
