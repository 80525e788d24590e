/** exec: one more process in a container that runs. */
import { closeSync, constants, openSync } from "node:fs";
import { TsrunError } from "../errors.ts";
import { pidfdOpen } from "../kernel/process.ts";
import { sleep } from "../kernel/sleep.ts";
import { detectCgroupDriver } from "../runtime/cgroup/detect.ts";
import { summonMonitor } from "../runtime/launch.ts";
import type { MonitorClient } from "../runtime/monitor-client.ts";
import type { OciProcess } from "../runtime/oci.ts";
import { execPlan } from "../runtime/plan/exec-plan.ts";
import { onHost } from "../runtime/plan/mapped-root.ts";
import type { Plan } from "../runtime/plan/plan.ts";
import type { ExecOptions, ExitStatus, ProcessHandle } from "./api.ts";
import { execEvents } from "./container-events.ts";
import type { EngineContext } from "./context.ts";
import { recordEvent } from "./events.ts";
import { overlayDirectories, userInLayers, userOfRecord } from "./files-in-layers.ts";
import { notRunning } from "./not-running.ts";
import { containerPaused, observedState } from "./pause.ts";
import { buildExecProcess } from "./process.ts";
import { processHandle } from "./process-handle.ts";
import { resolveContainer } from "./records.ts";
import { resolveRlimits } from "./rlimits.ts";
import { containerCapabilities, containerFilter } from "./security.ts";
import { parseSecurityOptions } from "./security-opt.ts";
import { settle } from "./settle.ts";
import { isRunning } from "./state.ts";
import type { ContainerOptions, ContainerRecord, ContainerState } from "./types.ts";
import { requireIds } from "./userns/require-ids.ts";

const SIGKILL = 9;
const END_MS = 100;
const LOOK_MS = 5;

/** Starts the process; throws ERR_TSRUN_CONTAINER_NOT_RUNNING, or why the command cannot be executed. */
export async function execInContainer(
  context: EngineContext,
  reference: string,
  options: ExecOptions,
): Promise<ProcessHandle> {
  const record = resolveContainer(context.paths, reference);
  const state = observedState(context.paths, record);
  if (options.command.length === 0) {
    throw new TsrunError("ERR_TSRUN_NO_COMMAND", "no command specified", {
      hint: "name the program to execute",
    });
  }
  if (state.paused)
    throw containerPaused(`Container ${record.id} is paused, unpause the container before exec`, record);
  options.signal?.throwIfAborted();
  const fds: Record<string, number> = {};
  try {
    const init = openInit(record, state);
    fds.init = init;
    // The lock is none: what this keeps open tells nothing and costs nothing.
    using monitor = summonMonitor({ id: record.id, lockFd: init });
    const process = execProcess(context, record, options);
    if (record.userNamespace) requireIds(process.user, record.userNamespace);
    const cgroup = detectCgroupDriver().open(record.cgroupPath);
    if (cgroup.cloneInto !== undefined) {
      fds.cgroup = openSync(cgroup.cloneInto, constants.O_RDONLY | constants.O_DIRECTORY);
    }
    const plan = execPlan({
      process,
      cgroup: { cloneInto: cgroup.cloneInto !== undefined, procsFiles: cgroup.procsFiles },
      seccomp: await execFilter(context, record, options),
      hostUid: record.userNamespace && onHost(record.userNamespace.uids, process.user.uid),
    });
    const events = execEvents(context.paths, record, options);
    recordEvent(context, events.create);
    const client = await monitor.launch({
      plan,
      fds,
      env: events.environment,
      solitary: context.solitary,
      monitor: {
        terminal: options.tty ?? false,
        stdin: options.interactive ?? false,
        stdinOnce: true,
        durable: false,
      },
    });
    const pid = await started(client, { plan, process, signal: options.signal });
    return processHandle({
      client,
      containerId: record.id,
      containerName: record.name,
      pid,
      exited: options.detach ? leave(client) : client.exited,
      ...(options.attach && { onDetach: () => recordEvent(context, events.detach) }),
    });
  } catch (error) {
    // What a step met while the container ended under it is not what the user wants to know.
    if (state.status === "running" && (await endedUnder(error, state)))
      throw notRunning(record, await settle(context.paths, record, state));
    throw error;
  } finally {
    for (const fd of Object.values(fds)) closeSync(fd);
  }
}

/**
 * Whether the container has ended. A process gives its namespaces up some time before it is a zombie, so a step that
 * failed, on joining them perhaps, makes this look for a moment.
 */
async function endedUnder(error: unknown, state: ContainerState): Promise<boolean> {
  const patience = error instanceof TsrunError && error.code === "ERR_TSRUN_STEP_FAILED" ? END_MS : 0;
  for (let waited = 0; isRunning(state); waited += LOOK_MS) {
    if (waited >= patience) return false;
    await sleep(LOOK_MS);
  }
  return true;
}

/** A pidfd of the container's first process that is certain to be it. */
function openInit(record: ContainerRecord, state: ContainerState): number {
  if (state.status !== "running") throw notRunning(record, state);
  const pidfd = pidfdOpen(state.pid);
  if (isRunning(state)) return pidfd;
  closeSync(pidfd);
  throw notRunning(record, state);
}

/** Only what exec takes over is derived anew: the whole runtime configuration costs it 4 ms. */
function execProcess(context: EngineContext, record: ContainerRecord, options: ExecOptions): OciProcess {
  const { ulimits = [], oomScoreAdj } = record.options;
  const { noNewPrivileges, apparmor } = parseSecurityOptions(record.options);
  const rlimits = resolveRlimits(ulimits, context.config["default-ulimits"]);
  const directories = overlayDirectories(context.paths, record.layers, record.id);
  return buildExecProcess(options, {
    container: {
      cwd: record.workdir,
      noNewPrivileges,
      ...(apparmor !== undefined && { apparmorProfile: apparmor }),
      ...(rlimits.length > 0 && { rlimits }),
      ...(oomScoreAdj !== undefined && { oomScoreAdj }),
    },
    env: record.env,
    hostname: record.hostname,
    user: options.user ? userInLayers(directories, options.user, []) : userOfRecord(context.paths, record),
    capabilities: containerCapabilities(grants(record, options)),
  });
}

function execFilter(context: EngineContext, record: ContainerRecord, options: ExecOptions) {
  return containerFilter(context, grants(record, options));
}

/** The container's options with what --privileged adds to them. */
const grants = ({ options }: ContainerRecord, { privileged }: ExecOptions): ContainerOptions =>
  privileged ? { ...options, privileged } : options;

async function started(
  client: MonitorClient,
  { plan, process, signal }: { plan: Plan; process: OciProcess; signal: AbortSignal | undefined },
): Promise<number> {
  const abort = (): void => client.signal(SIGKILL);
  signal?.addEventListener("abort", abort, { once: true });
  const result = await client.started.finally(() => signal?.removeEventListener("abort", abort));
  signal?.throwIfAborted();
  if (typeof result === "number") return result;
  const { planFailure } = await import("./plan-failure.ts");
  const error = await planFailure(plan, process, result);
  client.acknowledge();
  await client.closed;
  throw error;
}

/** Detached: the process goes on by itself, and nobody will hear of its end. */
async function leave(client: MonitorClient): Promise<ExitStatus> {
  client.detach();
  return { exitCode: 0, oomKilled: false };
}
