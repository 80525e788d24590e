/** start: a container that exists begins to run. */
import { join } from "node:path";
import { TsrunError } from "../errors.ts";
import { launch } from "../runtime/launch.ts";
import type { MonitorClient } from "../runtime/monitor-client.ts";
import type { OciConfig } from "../runtime/oci.ts";
import type { Lock } from "../store/locks.ts";
import { containerDir, containerRunDir } from "../store/paths.ts";
import type { ExitStatus, ProcessHandle, StartOptions } from "./api.ts";
import { concludeLost, releaseRuntime, removeContainer } from "./cleanup.ts";
import { clientEvents, lifeEvents } from "./container-events.ts";
import type { EngineContext } from "./context.ts";
import { monitorEnvironment } from "./events.ts";
import { hasProbe } from "./health.ts";
import { ownContainer } from "./ownership.ts";
import { planFailure } from "./plan-failure.ts";
import { type PreparedStart, prepareStart } from "./prepare-start.ts";
import { processHandle } from "./process-handle.ts";
import { resolveContainer } from "./records.ts";
import { runtimeConfig } from "./runtime-config.ts";
import { networkStatePath, readState, startFailedState, statePath, writeState } from "./state.ts";
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
}

export interface StartHooks {
  /** The Plan has stopped before execve, on request: look around, then return. */
  onPaused?: (prepared: PreparedStart, pid: number) => Promise<void>;
}

/**
 * Starts the container, which the caller owns; the lock is the monitor's from then on. Where the start fails, nothing
 * runs and nothing of it is left, and the container's state says why; one with autoRemove is removed.
 */
export async function startContainer(
  context: EngineContext,
  { record, owned, user }: Owned,
  options: StartOptions & StartHooks = {},
): Promise<ProcessHandle> {
  let client: MonitorClient | undefined;
  try {
    const config = await runtimeConfig(context, record, { size: options.size, user });
    using prepared = await prepareStart(context, record, { config, pause: options.onPaused !== undefined });
    options.signal?.throwIfAborted();
    client = await launchMonitor(context, { record, owned, prepared, config, options });
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

/** Starts a container that was created, or that has ended. */
export async function startByReference(
  context: EngineContext,
  reference: string,
  options: StartOptions = {},
): Promise<ProcessHandle> {
  const record = resolveContainer(context.paths, reference);
  if (readState(context.paths, record.id).status === "running") throw alreadyRunning(record);
  const owned = await ownContainer(context.paths, record.id, OWN_TIMEOUT_MS);
  try {
    resolveContainer(context.paths, record.id); // it may have been removed meanwhile
    if (readState(context.paths, record.id, { owner: true }).status === "running")
      throw alreadyRunning(record);
    concludeLost(context, record);
  } catch (error) {
    owned.release();
    throw error;
  }
  return startContainer(context, { record, owned }, options);
}

function alreadyRunning(record: ContainerRecord): TsrunError {
  return new TsrunError("ERR_TSRUN_CONTAINER_RUNNING", `container ${record.name} is running already`, {
    hint: `tsrun exec ${record.name} … starts another process in it`,
  });
}

async function launchMonitor(
  context: EngineContext,
  parts: {
    record: ContainerRecord;
    owned: Lock;
    prepared: PreparedStart;
    config: OciConfig;
    options: StartOptions;
  },
): Promise<MonitorClient> {
  const { record, owned, prepared, config, options } = parts;
  const { paths } = context;
  const runDir = containerRunDir(paths, record.id);
  const temporary = record.options.autoRemove ?? false;
  const health = hasProbe(record)
    ? await (await import("./health-launch.ts")).healthLaunch(context, parts)
    : undefined;
  return launch({
    plan: prepared.plan,
    fds: prepared.fds,
    lockFd: owned.fd,
    env: [
      ...reaperEnvironment(context),
      ...monitorEnvironment(
        paths,
        lifeEvents(record, { network: prepared.network, attached: options.attach !== undefined }),
      ),
    ],
    monitor: {
      id: record.id,
      terminal: config.process.terminal ?? false,
      stdin: record.options.interactive ?? false,
      stdinOnce: options.attach?.stdin ?? false,
      durable: !temporary,
      stateFile: statePath(paths, record.id),
      socketDir: runDir,
      log:
        record.logDriver === "none"
          ? undefined
          : {
              file: join(containerDir(paths, record.id), "log.json"),
              maxSize: record.logMaxSize,
              maxFiles: record.logMaxFiles,
            },
      oomCounter: prepared.cgroup.oomCounter,
      // One that is removed as a whole anyway keeps its lock until then.
      unlink: [
        ...(prepared.leasePath === undefined ? [] : [prepared.leasePath]),
        ...(temporary ? [] : [networkStatePath(paths, record.id), owned.path]),
      ],
      rmdir: [...prepared.cgroup.directories, ...(temporary ? [] : [runDir])],
      health,
      onExit: temporary ? [...context.reaper(), record.id] : undefined,
    },
  });
}

/** What the reaper needs to find the same container again. */
function reaperEnvironment({ paths }: EngineContext): string[] {
  return [
    `PATH=${process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`,
    `TSRUN_ROOT=${paths.root}`,
    `TSRUN_RUN=${paths.run}`,
  ];
}

async function waitForStart(parts: {
  client: MonitorClient;
  prepared: PreparedStart;
  config: OciConfig;
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
  const exitCode = error instanceof TsrunError && error.exitCode !== 125 ? error.exitCode : 128;
  try {
    writeState(context.paths, record, startFailedState(message, exitCode));
  } catch {
    // Most likely for the very reason that the start failed: a disk that is full or gone.
  }
}
