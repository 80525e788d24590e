/**
 * create: everything but the program. The Plan runs up to its wait point "start", with the hooks of creation where they
 * belong (runtime.md, "Lifecycle"); what happens there is the caller's: `create` leaves the process waiting, `run` goes on.
 */
import { closeSync, constants, existsSync, openSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { mknod, S_IFIFO } from "../kernel/files.ts";
import { innermostPid, processStartTicks } from "../kernel/process.ts";
import { lacksHostRoot } from "../kernel/rootless.ts";
import { connectUnix } from "../kernel/sockets.ts";
import type { OciConfig } from "../runtime/oci.ts";
import { ociPlan, START_SLOT } from "../runtime/plan/oci-plan.ts";
import type { Plan, Step, WaitName } from "../runtime/plan/plan.ts";
import { readBundle } from "./bundle.ts";
import { cgroupOwner } from "./cgroup-owner.ts";
import { type OciCgroup, openOciCgroup } from "./container-cgroup.ts";
import { destroy } from "./delete.ts";
import { withEnvironment, withListenFds } from "./environment.ts";
import { alreadyExists, invalidRequest, ociError } from "./errors.ts";
import { Executor } from "./executor.ts";
import { stepFailure } from "./failure.ts";
import { runHooks, runInNamespaces } from "./hooks.ts";
import { mapOwners } from "./idmapped-mount.ts";
import { makeNotifyDirectory, withNotifySocket } from "./notify.ts";
import { writePidFile } from "./pid-file.ts";
import { sendPidfd } from "./pidfd-socket.ts";
import { seccompOf } from "./seccomp.ts";
import { passListener } from "./seccomp-listener.ts";
import { type Descriptors, openNamespaces, preservedDescriptors } from "./slots.ts";
import {
  checkId,
  claimState,
  containerDirectory,
  publicState,
  type StateDocument,
  self,
  startFifo,
  writeState,
} from "./state.ts";
import { debug } from "./warnings.ts";

export interface CreateOptions {
  /** The directory of all containers' states. */
  root: string;
  id: string;
  bundle: string;
  pidFile?: string | undefined;
  /** Path of the unix socket that gets the terminal's master. */
  consoleSocket?: string | undefined;
  /** Path of the unix socket that gets a pidfd of the process. */
  pidfdSocket?: string | undefined;
  preserveFds?: number | undefined;
  /** How many descriptors from 3 on are sockets for the process, of which it is told; those to preserve follow them. */
  listenFds?: number | undefined;
  /** The socket of a service manager that wants to hear when the container is ready, sd_notify(3). */
  notifySocket?: string | undefined;
  /** Without privileges: no cgroup is no error where nobody asked for one. */
  rootless?: boolean | undefined;
  systemdCgroup?: boolean | undefined;
  noPivot?: boolean | undefined;
  noNewKeyring?: boolean | undefined;
}

/** How the process is to be left. */
export interface Conduct {
  /** It waits for `start`, on the fifo. */
  waits: boolean;
  /** Somebody stays to hear of its end. */
  stay: boolean;
}

/** A container whose process has reached the wait point "start". */
export interface Created {
  state: StateDocument;
  plan: Plan;
  executor: Executor;
}

/** Creates a container and leaves its process waiting for `start`. */
export async function createContainer(options: CreateOptions): Promise<void> {
  const created = await prepareContainer(options, { waits: true, stay: false });
  await orDestroy(options.root, created, () => {
    complete(options, created.state);
    created.executor.release();
  });
}

/** The creation is complete, by the document and for whoever waits for the pid file. */
export function complete({ root, pidFile, pidfdSocket }: CreateOptions, state: StateDocument): void {
  if (pidfdSocket !== undefined) sendPidfd(pidfdSocket, state.pid);
  state.complete = true;
  writeState(root, state);
  if (pidFile !== undefined) writePidFile(pidFile, state.pid);
}

/** Does something with the created container, which is destroyed where that fails. */
export async function orDestroy<T>(
  root: string,
  { state, executor }: Created,
  action: () => T | Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (error) {
    executor[Symbol.dispose]();
    await destroy(root, state);
    throw error;
  }
}

/** Everything up to the wait point "start"; where it fails, nothing is left. */
export async function prepareContainer(options: CreateOptions, conduct: Conduct): Promise<Created> {
  const { root, id } = options;
  checkId(id);
  const bundle = resolve(options.bundle);
  const config = readBundle(bundle, {
    // Root of a user's namespaces may do without one more, and engines of ordinary users count on it.
    rootless: process.geteuid?.() !== 0,
    noPivot: options.noPivot ?? false,
  });
  if (!conduct.waits && config.process === undefined) {
    throw invalidRequest("cannot run a container without a process");
  }
  checkTerminal(config, options, conduct);
  preservedDescriptors(passedFds(options));
  const group = openOciCgroup({
    cgroupsPath: config.linux.cgroupsPath,
    ...{ id, rootless: options.rootless ?? false, systemd: options.systemdCgroup ?? false },
  });
  // Before anything has this container's name: what fails from then on is undone, and the cgroup may be another's.
  if (existsSync(containerDirectory(root, id))) throw alreadyExists();
  group.refuseInUse();
  const state = newState(bundle, config, { id, group });
  claimState(root, state, (directory) => {
    if (options.notifySocket) makeNotifyDirectory(directory);
    if (conduct.waits) mknod(join(directory, "exec.fifo"), S_IFIFO | 0o600, { major: 0, minor: 0 });
  });
  try {
    return await execute(options, conduct, { state, group });
  } catch (error) {
    await destroy(root, state);
    throw error;
  }
}

const passedFds = ({ listenFds = 0, preserveFds = 0 }: CreateOptions): number => listenFds + preserveFds;

/** What is executed: the configuration with the process's variables as it gets them, and what they lead to. */
function configOf({ id, config, rootfs }: StateDocument, options: CreateOptions): OciConfig {
  const { root, notifySocket, listenFds } = options;
  const told = notifySocket ? withNotifySocket(config, containerDirectory(root, id)) : config;
  if (told.process === undefined) return told;
  return { ...told, process: withEnvironment(withListenFds(told.process, listenFds), rootfs) };
}

function checkTerminal(config: OciConfig, { consoleSocket }: CreateOptions, { stay }: Conduct): void {
  const terminal = config.process?.terminal ?? false;
  if (!stay && terminal && consoleSocket === undefined) {
    throw invalidRequest("cannot allocate tty if runc will detach without setting console socket");
  }
  if ((stay || !terminal) && consoleSocket !== undefined) {
    throw invalidRequest("cannot use console socket if runc will not detach or allocate tty");
  }
}

function newState(
  bundle: string,
  config: OciConfig,
  { id, group }: { id: string; group: OciCgroup },
): StateDocument {
  const { path } = config.root;
  return {
    ociVersion: config.ociVersion,
    id,
    pid: 0,
    startTime: 0,
    bundle,
    rootfs: isAbsolute(path) ? path : join(bundle, path),
    created: new Date().toISOString(),
    annotations: config.annotations ?? {},
    cgroup: group.location,
    config,
    complete: false,
    creator: self(),
  };
}

async function execute(
  options: CreateOptions,
  conduct: Conduct,
  { state, group }: { state: StateDocument; group: OciCgroup },
): Promise<Created> {
  const { config } = state;
  const fds: Descriptors = {};
  const terminal = config.process?.terminal ?? false;
  // What an ordinary user makes is theirs, and may not be given away.
  const ownerUid = options.rootless ? undefined : cgroupOwner(config);
  const cgroup = group.create(config.linux, { ownerUid });
  state.cgroup = group.location;
  if (cgroup.cloneFd !== undefined) fds.cgroup = cgroup.cloneFd;
  try {
    if (conduct.waits) fds[START_SLOT] = openWaiting(options.root, state.id);
    openNamespaces(config, fds);
    if (options.consoleSocket !== undefined) fds.console = connectUnix(options.consoleSocket);
    const whole = ociPlan({
      config: configOf(state, options),
      ...{ id: state.id, bundle: state.bundle, rootless: lacksHostRoot() },
      cgroup: { ...cgroup, cloneInto: cgroup.cloneFd !== undefined },
      seccomp: await seccompOf(config),
      noPivot: options.noPivot ?? false,
      noNewKeyring: options.noNewKeyring ?? false,
      terminal: terminal ? "pty" : "inherit",
      preserveFds: passedFds(options),
    });
    const plan = conduct.waits ? whole : withoutGate(whole);
    const executor = Executor.start({
      plan,
      fds: { ...fds, ...preservedDescriptors(passedFds(options)) },
      stay: conduct.stay,
      console: terminal ? (fds.console ?? "relay") : undefined,
    });
    try {
      await runToStart(options.root, state, { plan, executor, fds });
    } catch (error) {
      executor[Symbol.dispose]();
      throw error;
    }
    return { state, plan, executor };
  } finally {
    for (const fd of Object.values(fds)) closeSync(fd);
  }
}

/**
 * The end of the fifo that the process waits on. It reads and writes, so that the process sees no end of file when one
 * who might have started it is gone.
 */
const openWaiting = (root: string, id: string): number => openSync(startFifo(root, id), constants.O_RDWR);

/** Who starts the process at once is told of a failure to the end. */
function withoutGate({ fds, steps }: Plan): Plan {
  return {
    fds: fds.filter((name) => name !== START_SLOT),
    steps: steps.map((step): Step => {
      if (step.op !== "wait" || step.gate === undefined) return step;
      const { gate: _, ...wait } = step;
      return wait;
    }),
  };
}

/** Serves the Plan's wait points up to "start". */
async function runToStart(
  root: string,
  state: StateDocument,
  { plan, executor, fds }: { plan: Plan; executor: Executor; fds: Descriptors },
): Promise<void> {
  for (;;) {
    const event = executor.next();
    if (event.kind === "failed") throw stepFailure(plan, event);
    if (event.kind !== "waiting") {
      throw ociError("ERR_TSRUN_OCI_INIT_DIED", "container init process died before it could be created");
    }
    if (state.pid === 0) {
      debug(`child process in init(): ${event.pid}`);
      state.pid = event.pid;
      state.startTime = processStartTicks(event.pid) ?? 0;
      writeState(root, state);
      if (state.config.linux.netDevices !== undefined) await moveDevices(state);
    }
    const step = plan.steps[event.step];
    if (step?.op === "wait" && step.name === "start") {
      debug("init: closing the pipe to signal completion");
      return;
    }
    if (step?.op === "seccomp") {
      passListener(state.config, event, { ...publicState(state, "creating"), pid: event.pid });
    }
    if (step?.op === "idmap") mapOwners(step, event, fds);
    if (step?.op === "wait") creationHooks(state, step.name);
    executor.goOn();
  }
}

async function moveDevices({ config, pid }: StateDocument): Promise<void> {
  const { moveNetDevices } = await import("./net-devices.ts");
  moveNetDevices(config, pid);
}

function creationHooks(state: StateDocument, point: WaitName | undefined): void {
  const { hooks } = state.config;
  if (hooks === undefined) return;
  const told = publicState(state, "creating");
  if (point === "createRuntime") {
    const directory = state.bundle;
    runHooks(hooks.prestart, { name: "prestart", state: told, directory });
    runHooks(hooks.createRuntime, { name: "createRuntime", state: told, directory });
  }
  if (point === "createContainer") {
    runInNamespaces(hooks.createContainer, {
      name: "createContainer",
      state: { ...told, pid: innermostPid(state.pid) },
      directory: state.rootfs,
      pid: state.pid,
      namespaces: state.config.linux.namespaces.map(({ type }) => type),
    });
  }
}
