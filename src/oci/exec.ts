/** exec: one more process in a container. */
import { closeSync } from "node:fs";
import { pidfdOpen } from "../kernel/process.ts";
import { connectUnix } from "../kernel/sockets.ts";
import type { OciProcess } from "../runtime/oci.ts";
import { hexMask } from "../runtime/plan/cpu-list.ts";
import { ociExecPlan } from "../runtime/plan/oci-exec-plan.ts";
import { reopenOciCgroup } from "./container-cgroup.ts";
import { withEnvironment } from "./environment.ts";
import { invalidRequest, wrongStatus } from "./errors.ts";
import { Executor } from "./executor.ts";
import { joinInput } from "./join.ts";
import { writePidFile } from "./pid-file.ts";
import { sendPidfd } from "./pidfd-socket.ts";
import { awaitEnd, awaitStarted, holdSignals } from "./run.ts";
import { seccompOf } from "./seccomp.ts";
import { passListener } from "./seccomp-listener.ts";
import { type Descriptors, preservedDescriptors } from "./slots.ts";
import { isAlive, publicState, readState, type StateDocument, statusOf } from "./state.ts";
import { parseSubCgroups } from "./sub-cgroups.ts";
import { debug } from "./warnings.ts";

export interface ExecOptions {
  root: string;
  id: string;
  /** The process; made from the container's own configuration. */
  process: (state: StateDocument) => OciProcess;
  detach?: boolean | undefined;
  pidFile?: string | undefined;
  consoleSocket?: string | undefined;
  /** Path of the unix socket that gets a pidfd of the process. */
  pidfdSocket?: string | undefined;
  /** Cgroups below the container's, "[controller,…:]path". */
  cgroups?: readonly string[];
  preserveFds?: number | undefined;
  ignorePaused?: boolean | undefined;
}

/** Runs the process and returns its exit code; 0 at once where it is detached. */
export async function execProcess(options: ExecOptions): Promise<number> {
  const { root, id, detach = false } = options;
  const state = readState(root, id);
  checkStatus(root, state, options);
  const process = withEnvironment(options.process(state), `/proc/${state.pid}/root`);
  checkTerminal(process, options);
  const { preserveFds = 0 } = options;
  const preserved = preservedDescriptors(preserveFds);
  const fds: Descriptors = {};
  try {
    fds.init = pidfdOpen(state.pid);
    // Only now the number is sure to stay its.
    if (!isAlive(state)) throw wrongStatus("cannot exec in a stopped container");
    const cgroup = reopenOciCgroup(state.cgroup).join(state.pid, parseSubCgroups(options.cgroups ?? []));
    if (cgroup.cloneFd !== undefined) fds.cgroup = cgroup.cloneFd;
    if (options.consoleSocket !== undefined) fds.console = connectUnix(options.consoleSocket);
    const plan = ociExecPlan({
      ...joinInput(state, cgroup, await seccompOf(state.config)),
      ...{ process, preserveFds, terminal: process.terminal ? "pty" : "inherit" },
    });
    const signals = detach ? undefined : holdSignals();
    using executor = Executor.start({
      plan,
      fds: { ...fds, ...preserved },
      stay: !detach,
      console: process.terminal ? (fds.console ?? "relay") : undefined,
    });
    const initial = process.execCPUAffinity?.initial;
    if (initial) debug(`nsexec: affinity: ${hexMask(initial)}`);
    debug("child process in init()");
    debug(`setns_init: about to exec ${process.args[0]}`);
    const pid = awaitStarted(plan, executor, (event) =>
      passListener(state.config, event, publicState(state, "running")),
    );
    if (options.pidfdSocket !== undefined) sendPidfd(options.pidfdSocket, pid);
    if (options.pidFile !== undefined) writePidFile(options.pidFile, pid);
    return signals === undefined ? 0 : await awaitEnd(executor, signals, pid);
  } finally {
    for (const fd of Object.values(fds)) closeSync(fd);
  }
}

function checkStatus(root: string, state: StateDocument, { ignorePaused = false }: ExecOptions): void {
  const status = statusOf(root, state);
  if (status === "stopped") throw wrongStatus("cannot exec in a stopped container");
  if (status === "paused" && !ignorePaused) {
    throw wrongStatus("cannot exec in a paused container (use --ignore-paused to override)");
  }
}

function checkTerminal(process: OciProcess, { detach = false, consoleSocket }: ExecOptions): void {
  const terminal = process.terminal ?? false;
  if (detach && terminal && consoleSocket === undefined) {
    throw invalidRequest("cannot allocate tty if runc will detach without setting console socket");
  }
  if ((!detach || !terminal) && consoleSocket !== undefined) {
    throw invalidRequest("cannot use console socket if runc will not detach or allocate tty");
  }
}
