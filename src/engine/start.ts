/** start: a container that exists begins to run. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import type { Reservation } from "../network/ports/reserve.ts";
import type { MonitorRestart, Summoned } from "../runtime/launch.ts";
import type { MonitorClient } from "../runtime/monitor-client.ts";
import type { ContainerConfig } from "../runtime/oci.ts";
import { type Lock, lock } from "../store/locks.ts";
import { containerDir, containerRunDir } from "../store/paths.ts";
import type { ExitStatus, ProcessHandle, StartOptions } from "./api.ts";
import { type BegunStart, beginStart } from "./begin-start.ts";
import { concludeLost, releaseRuntime, removeContainer, removeRunDir } from "./cleanup.ts";
import { clientEvents, lifeEnvironment } from "./container-events.ts";
import type { EngineContext } from "./context.ts";
import { userOfRecord } from "./files-in-layers.ts";
import { hasProbe } from "./health.ts";
import { hasMountedVolume, isLocated, type LocatedMount, mountsOf } from "./mounts.ts";
import { hasOwnNetwork } from "./network-mode.ts";
import { ownerLockPath } from "./ownership.ts";
import { membersDirectory, type PreparedStart, prepareStart } from "./prepare-start.ts";
import { processHandle } from "./process-handle.ts";
import { takePorts } from "./published-ports.ts";
import { readRecord, resolveContainer } from "./records.ts";
import { monitorRestart, nextDelay } from "./restart-policy.ts";
import { runtimeConfig } from "./runtime-config.ts";
import { isUnfinished, readState, startFailedState, statePath, writeState } from "./state.ts";
import { forgetStop, stopMarkPath, stoppedBy } from "./stop-mark.ts";
import type { ContainerRecord } from "./types.ts";
import type { ResolvedUser } from "./user.ts";

/** How long the monitor of a container that has just ended may take to let go. */
const OWN_TIMEOUT_MS = 5_000;
const SIGKILL = 9;

/** A container that the caller owns; its user where that was just looked up. */
interface Owned {
  record: ContainerRecord;
  owned: Lock;
  user?: ResolvedUser;
  /** The ports that it publishes, where they were taken already; given back here. */
  ports?: Reservation | undefined;
  /** Where it was begun already. */
  begun?: BegunStart | undefined;
}

/** How a container is started again by its policy; a user's start is the first of a new row. */
export interface Restart {
  /** How often that has happened since a user started it, this time included. */
  count: number;
  /** Milliseconds to wait before the next one. */
  delay: number;
}

export interface StartHooks {
  /** The Plan has stopped before execve, on request: look around, then return. */
  onPaused?: (prepared: PreparedStart, pid: number) => Promise<void>;
  restart?: Restart;
}

/**
 * Starts the container, which the caller owns; the lock is the monitor's from then on. Where the start fails, nothing
 * runs and nothing of it is left, and the container's state says why; one with autoRemove is removed.
 */
export async function startContainer(
  context: EngineContext,
  container: Owned,
  options: StartOptions & StartHooks = {},
): Promise<ProcessHandle> {
  try {
    return await beginContainer(context, container, options);
  } catch (error) {
    const { record, owned } = container;
    try {
      if (record.options.autoRemove) await removeContainer(context, record);
      else {
        await releaseRuntime(context, record);
        writeFailure(context, record, error);
      }
    } finally {
      owned.release();
    }
    throw error;
  }
}

/**
 * The start itself. Where it fails nothing runs, and the lock is still the caller's, as is what was made on the host
 * and in the runtime directory.
 */
export async function beginContainer(
  context: EngineContext,
  { record, owned, user, ports, begun }: Owned,
  options: StartOptions & StartHooks = {},
): Promise<ProcessHandle> {
  let client: MonitorClient | undefined;
  try {
    const ownNetwork = hasOwnNetwork(record.options) && record.userNamespace === undefined;
    const socketDir = containerRunDir(context.paths, record.id);
    using start = begun ?? beginStart({ id: record.id, socketDir, lockFd: owned.fd }, { ownNetwork });
    // The monitor has its own copies of the sockets once it runs.
    using reservation = ports ?? (await takePorts(context, record));
    const known = user ?? userOfRecord(context.paths, record);
    const mounts = await startMounts(context, record, known);
    const config = await runtimeConfig(context, record, { mounts, user: known, size: options.size });
    const pause = options.onPaused !== undefined;
    using prepared = await prepareStart(context, record, {
      config,
      reservation,
      pause,
      network: start.network,
    });
    options.signal?.throwIfAborted();
    client = await launchMonitor(context, {
      monitor: start.monitor,
      record,
      owned,
      prepared,
      config,
      options,
    });
    const pid = await waitForStart({ client, prepared, config, options });
    return processHandle({
      client,
      containerId: record.id,
      containerName: record.name,
      pid,
      warnings: prepared.warnings,
      exited: finish(context, { record, owned, client }),
      ...clientEvents(context, record, { attached: options.attach !== undefined }),
    });
  } catch (error) {
    client?.acknowledge();
    client?.signal(SIGKILL); // it may have started at the very moment that the caller gave up
    await client?.closed;
    throw error;
  }
}

/** The container's mounts, with what has to be mounted on the host for them; releaseHost() takes that back. */
async function startMounts(
  context: EngineContext,
  record: ContainerRecord,
  user: ResolvedUser,
): Promise<readonly LocatedMount[]> {
  const mounts = mountsOf(record);
  if (mounts.every(isLocated)) return mounts;
  const { locateForStart } = await import("./volumes/locate.ts");
  return locateForStart(context, record, user);
}

/** Starts a container that was created, or that has ended. */
export async function startByReference(
  context: EngineContext,
  reference: string,
  options: StartOptions = {},
): Promise<ProcessHandle> {
  const record = resolveContainer(context.paths, reference);
  const refuseUnfinished = (): void => {
    if (isUnfinished(readState(context.paths, record.id))) throw alreadyRunning(record);
  };
  refuseUnfinished();
  const owned = await lock(ownerLockPath(context.paths, record.id), {
    timeoutMs: OWN_TIMEOUT_MS,
    whileHeld: refuseUnfinished, // by a command that was starting it, whose monitor keeps the lock
  });
  let latest: ContainerRecord;
  try {
    latest = resolveContainer(context.paths, record.id); // it may have been changed or removed meanwhile
    if (readState(context.paths, record.id, { owner: true }).status === "running")
      throw alreadyRunning(record);
    concludeLost(context, record);
    forgetStop(context.paths, latest);
    if (latest.options.autoRemove) allowRemount(context, latest);
  } catch (error) {
    // Taking the lock of a container that was just removed has made its directory anew.
    if (!readRecord(context.paths, record.id)) removeRunDir(context, record.id);
    owned.release();
    throw error;
  }
  return startContainer(context, { record: latest, owned }, options);
}

/**
 * A volatile overlay can be mounted once: what it holds may be incomplete after a crash of the machine (the kernel's
 * overlayfs documentation, "Volatile mount"). A temporary container that is started again has seen none.
 */
function allowRemount({ paths }: EngineContext, { id }: ContainerRecord): void {
  rmSync(join(containerDir(paths, id), "work", "work", "incompat"), { recursive: true, force: true });
}

function alreadyRunning(record: ContainerRecord): TsrunError {
  return new TsrunError("ERR_TSRUN_CONTAINER_RUNNING", `container ${record.name} is running already`, {
    hint: `tsrun exec ${record.name} … starts another process in it`,
  });
}

async function launchMonitor(
  context: EngineContext,
  parts: {
    monitor: Summoned;
    record: ContainerRecord;
    owned: Lock;
    prepared: PreparedStart;
    config: ContainerConfig;
    options: StartOptions & StartHooks;
  },
): Promise<MonitorClient> {
  const { monitor, record, owned, prepared, config, options } = parts;
  const { paths } = context;
  const temporary = record.options.autoRemove ?? false;
  const health = hasProbe(record)
    ? await (await import("./health-launch.ts")).healthLaunch(context, parts)
    : undefined;
  return monitor.launch({
    plan: prepared.plan,
    fds: prepared.fds,
    solitary: context.solitary,
    env: [
      ...successorEnvironment(context),
      ...lifeEnvironment(paths, record, {
        networks: prepared.networks,
        attached: options.attach !== undefined,
      }),
    ],
    monitor: {
      terminal: config.process.terminal ?? false,
      stdin: record.options.interactive ?? false,
      stdinOnce: options.attach?.stdin ?? false,
      durable: !temporary,
      stateFile: statePath(paths, record.id),
      log:
        record.logDriver === "none"
          ? undefined
          : {
              file: join(containerDir(paths, record.id), "log.json"),
              maxSize: record.logMaxSize,
              maxFiles: record.logMaxFiles,
            },
      oomCounter: prepared.cgroup.oomCounter,
      unlink: prepared.networkFiles,
      members: membersDirectory(record, prepared.cgroup),
      rmdir: prepared.cgroup.directories,
      // One that is removed as a whole anyway keeps its lock until then.
      lockFile: temporary ? undefined : owned.path,
      restart: temporary ? undefined : restartOptions(context, record, options.restart),
      health,
      release: !temporary && hasMountedVolume(record),
      ports: prepared.ports,
      resolver: prepared.resolver,
      onExit: [...(temporary ? context.reaper() : context.reviver()), record.id],
    },
  });
}

/** A container without a policy is prepared as well: it may get one while it runs. */
export function restartOptions(
  { paths }: EngineContext,
  { id, options }: ContainerRecord,
  restart: Restart = { count: 0, delay: nextDelay(undefined) },
): MonitorRestart {
  return { ...monitorRestart(options.restartPolicy, restart), stopped: stopMarkPath(paths, id) };
}

/** What the program that a monitor becomes needs to find the same container and configuration again. */
export function successorEnvironment({ paths }: EngineContext): string[] {
  const passed = ["HOME", "XDG_CONFIG_HOME", "TSRUN_CONFIG", "TSRUN_LOG"];
  return [
    `PATH=${process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`,
    ...passed.flatMap((name) => (process.env[name] ? [`${name}=${process.env[name]}`] : [])),
    `TSRUN_ROOT=${paths.root}`,
    `TSRUN_RUN=${paths.run}`,
  ];
}

async function waitForStart(parts: {
  client: MonitorClient;
  prepared: PreparedStart;
  config: ContainerConfig;
  options: StartOptions & StartHooks;
}): Promise<number> {
  const { client, prepared, config, options } = parts;
  const paused = Promise.withResolvers<never>();
  client.onWaiting = (_step, pid) => {
    (options.onPaused?.(prepared, pid) ?? Promise.resolve()).then(() => client.goOn(), paused.reject);
  };
  const abort = (): void => paused.reject(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  try {
    const started = await Promise.race([client.started, paused.promise]);
    if (typeof started === "number") return started;
    const { planFailure } = await import("./plan-failure.ts");
    throw await planFailure(prepared.plan, config.process, started);
  } finally {
    options.signal?.removeEventListener("abort", abort);
  }
}

/** The end as seen by the launcher: with --rm the container is gone once this resolves. */
async function finish(
  context: EngineContext,
  { record, owned, client }: { record: ContainerRecord; owned: Lock; client: MonitorClient },
): Promise<ExitStatus> {
  // From here on the monitor alone holds the lock, unless this process is to remove the container in the end.
  if (!record.options.autoRemove) owned.release();
  try {
    const { exitCode, oomKilled } = await client.exited.catch(async (error: unknown) => {
      if (record.options.autoRemove && !client.detached) await removeContainer(context, record);
      throw error;
    });
    const state = readState(context.paths, record.id);
    if (record.options.autoRemove) {
      // One that `restart` has ended stays: its monitor hands it on as soon as this connection is gone.
      if (stoppedBy(context.paths, record.id) === "restart") return { exitCode, oomKilled, record, state };
      client.acknowledge();
      await removeContainer(context, record, { endIsRecorded: true });
    }
    await client.closed;
    return { exitCode, oomKilled, record, state };
  } finally {
    owned.release();
    client.detach();
  }
}

function writeFailure(context: EngineContext, record: ContainerRecord, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  try {
    writeState(context.paths, record, startFailedState(message, failureCode(error)));
  } catch {
    // Most likely for the very reason that the start failed: a disk that is full or gone.
  }
}

/** The exit code that is recorded of a container that could not be started. */
export function failureCode(error: unknown): number {
  return error instanceof TsrunError && error.exitCode !== 125 ? error.exitCode : 128;
}
