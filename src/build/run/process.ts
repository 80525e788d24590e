/**
 * A RUN's process: a container by everything but its record. Its directory below containers/ has no config.json, so that
 * `ps` does not know it and any sweep takes it once nobody owns it; its monitor is leashed, so that it ends with the build.
 */
import { mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { releaseRuntime, removeRunDir, stepRecordPath } from "../../engine/cleanup.ts";
import { timeNow } from "../../engine/events.ts";
import { userInLayers } from "../../engine/files-in-layers.ts";
import { isLocated, type LocatedMount } from "../../engine/mounts.ts";
import { generateId } from "../../engine/names.ts";
import { requestedEndpoints } from "../../engine/network-mode.ts";
import { cgroupPath } from "../../engine/oci-config.ts";
import { ownContainer } from "../../engine/ownership.ts";
import { prepareStart } from "../../engine/prepare-start.ts";
import { runtimeConfig } from "../../engine/runtime-config.ts";
import { statePath } from "../../engine/state.ts";
import type { ContainerOptions, ContainerRecord, ImageMount } from "../../engine/types.ts";
import { requireIds } from "../../engine/userns/require-ids.ts";
import { isRootless } from "../../kernel/rootless.ts";
import { summonMonitor } from "../../runtime/launch.ts";
import type { MonitorClient, MonitorExit } from "../../runtime/monitor-client.ts";
import { writeDocument } from "../../store/documents.ts";
import { containerDir, containerRunDir, layersDir, tmpDir } from "../../store/paths.ts";
import { removeTree } from "../../store/tree-removal.ts";
import { directoriesOf, lowerOf, type Snapshot, type WorkDirectory } from "../layers.ts";
import type { Session } from "../session.ts";
import type { StepTerminal } from "../types.ts";

const OWN_TIMEOUT_MS = 2_000;
const SIGKILL = 9;
const HOSTNAME = "buildsandbox";

export interface StepProcess {
  readonly args: readonly string[];
  /** KEY=VALUE. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** user[:group]; "" for root. */
  readonly user: string;
  readonly network: "default" | "none" | "host";
  readonly privileged: boolean;
  readonly mounts: readonly (LocatedMount | ImageMount)[];
  readonly tty?: boolean;
}

export interface ProcessPlace {
  readonly below: Snapshot;
  readonly work: WorkDirectory;
  /** Of the container to be, whose runtime directory may hold files for it already. */
  readonly id?: string;
  readonly terminal?: StepTerminal;
}

type OnOutput = (stream: "stdout" | "stderr", data: Buffer) => void;

/** Runs it to its end; nothing of it is left but what it has written. */
export async function runProcess(
  session: Session,
  process: StepProcess,
  { onOutput, ...place }: ProcessPlace & { onOutput: OnOutput },
): Promise<MonitorExit> {
  const { signal } = session;
  await using running = await startProcess(session, process, place);
  const { client } = running;
  const abort = (): void => client.signal(SIGKILL);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    const output = client.readOutput(async (from, data) => onOutput(from, Buffer.from(data)));
    const end = await client.exited;
    await output;
    signal.throwIfAborted();
    return end;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

export interface RunningProcess extends AsyncDisposable {
  readonly id: string;
  readonly pid: number;
  /** To be read; when it is disposed of, the process ends. */
  readonly client: MonitorClient;
}

/** The same for who has more to do with it than to wait. */
export async function startProcess(
  session: Session,
  process: StepProcess,
  { below, work, id = generateId(), terminal }: ProcessPlace,
): Promise<RunningProcess> {
  const { context, paths, signal } = session;
  signal.throwIfAborted();
  const record = recordOf(session, process, id);
  mkdirSync(containerRunDir(paths, id), { recursive: true, mode: 0o700 });
  const owned = await ownContainer(paths, id, OWN_TIMEOUT_MS);
  const release = async (): Promise<void> => {
    try {
      await releaseRuntime(context, record);
      removeTree(containerDir(paths, id));
      removeRunDir(context, id);
    } finally {
      owned.release();
    }
  };
  try {
    const { client, pid } = await session.quiet.during(() =>
      launch(session, { record, below, work, lockFd: owned.fd, terminal }),
    );
    return {
      id,
      pid,
      client,
      async [Symbol.asyncDispose]() {
        client.acknowledge();
        client.signal(SIGKILL);
        client.ignoreOutput();
        await client.closed;
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

interface LaunchParts {
  record: ContainerRecord;
  below: Snapshot;
  work: WorkDirectory;
  lockFd: number;
  terminal: StepTerminal | undefined;
}

async function launch(
  session: Session,
  { record, below, work, lockFd, terminal }: LaunchParts,
): Promise<{ client: MonitorClient; pid: number }> {
  const { context, paths, signal } = session;
  const { id, options } = record;
  using monitor = summonMonitor({ id, lockFd });
  mkdirSync(join(containerDir(paths, id), "merged"), { recursive: true, mode: 0o700 });
  const { cgroupPath, endpoints } = record;
  const note = { id, cgroupPath, endpoints, options: { network: options.network } };
  writeDocument(stepRecordPath(paths, id), note, { durable: false });
  const user = userInLayers(directoriesOf(below), options.user ?? "", undefined);
  if (record.userNamespace) requireIds(user, record.userNamespace);
  const mounts = await located(session, record, user);
  const config = await runtimeConfig(context, record, { mounts, user, size: terminal?.size });
  const path = (to: string): string => relative(layersDir(paths), to);
  using prepared = await prepareStart(context, record, {
    config,
    reservation: undefined,
    overlay: {
      layersDir: layersDir(paths),
      lower: lowerOf(paths, below, work.target),
      upper: path(work.upper),
      work: path(work.work),
      merged: path(join(containerDir(paths, id), "merged")),
      volatile: true,
      userXattr: isRootless(),
      others: [tmpDir(paths)],
    },
  });
  signal.throwIfAborted();
  const client = await monitor.launch({
    plan: prepared.plan,
    fds: prepared.fds,
    env: [],
    monitor: {
      terminal: terminal?.tty ?? false,
      stdin: terminal?.stdin ?? false,
      stdinOnce: true,
      leashed: true,
      durable: false,
      stateFile: statePath(paths, id),
      oomCounter: prepared.cgroup.oomCounter,
      unlink: prepared.networkFiles,
      rmdir: prepared.cgroup.directories,
    },
  });
  const started = await client.started;
  if (typeof started === "number") return { client, pid: started };
  try {
    const { planFailure } = await import("../../engine/plan-failure.ts");
    throw await planFailure(prepared.plan, config.process, started);
  } finally {
    client.acknowledge();
    await client.closed;
  }
}

async function located({ context }: Session, record: ContainerRecord, user: ReturnType<typeof userInLayers>) {
  const mounts = record.mounts ?? [];
  if (mounts.every(isLocated)) return mounts;
  const { locateForStart, makeImageDirectories } = await import("../../engine/volumes/locate.ts");
  makeImageDirectories(context.paths, record.id, mounts);
  return locateForStart(context, record, user);
}

function recordOf(
  { options: build, users }: Session,
  { args, env, cwd, user, network, privileged, mounts, tty = false }: StepProcess,
  id: string,
): ContainerRecord {
  const [path = "", ...rest] = args;
  const options: ContainerOptions = {
    image: "",
    command: [path, ...rest],
    entrypoint: [],
    env: [...env],
    workdir: cwd,
    user,
    hostname: HOSTNAME,
    privileged,
    tty,
    network: network === "default" ? "bridge" : network,
    extraHosts: [...(build.addHosts ?? [])],
    ulimits: [...(build.ulimits ?? [])],
    ...(build.shmSize !== undefined && { shmSize: build.shmSize }),
    ...(build.cgroupParent !== undefined && { cgroupParent: build.cgroupParent }),
    ...(build.resources && { resources: build.resources }),
  };
  return {
    version: 1,
    id,
    name: id,
    createdAt: timeNow(),
    image: "",
    imageId: "",
    layers: [],
    path,
    args: rest,
    env: [...env],
    workdir: cwd,
    hostname: HOSTNAME,
    stopSignal: "SIGTERM",
    stopTimeout: 0,
    labels: {},
    logDriver: "none",
    logMaxSize: 0,
    logMaxFiles: 1,
    cgroupPath: cgroupPath(options, id),
    endpoints: requestedEndpoints(options),
    options,
    mounts: [...mounts],
    ...(users && { userNamespace: users }),
    imageConfig: {},
  };
}
