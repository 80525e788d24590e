/**
 * Readiness, sd_notify(3): a service manager that has started the runtime wants to hear it of the container. That one cannot
 * reach the manager's socket, so it gets a socket of its own, in a directory of its state that is mounted for it, and the
 * runtime stays until it has passed on what came, with the process to watch from then on.
 */
import { chmodSync, closeSync, mkdirSync, read, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bindDatagramSocket, connectDatagramSocket, receiveDatagram } from "../kernel/datagrams.ts";
import { closeOnExecPipe } from "../kernel/process.ts";
import { sendDescriptorsOver } from "../kernel/sockets.ts";
import type { OciConfig } from "../runtime/oci.ts";
import { isAlive, type ProcessIdentity } from "./state.ts";
import { warn } from "./warnings.ts";

const DIRECTORY = "notify";
const SOCKET = "notify.sock";
/** Where the container finds it: runc's place. */
const INSIDE = "/run/notify";
/** More than a message may have that a manager reads. */
const MESSAGE_SIZE = 4096;
const LOOK_MS = 20;
const BARRIER_MS = 30_000;

/** Makes the directory of the socket in that of a container's state. */
export function makeNotifyDirectory(state: string): void {
  mkdirSync(join(state, DIRECTORY));
  chmodSync(join(state, DIRECTORY), 0o755);
}

/** The configuration of a container that has the socket. */
export function withNotifySocket(config: OciConfig, state: string): OciConfig {
  const { process, mounts } = config;
  const options = ["bind", "nosuid", "noexec", "nodev", "ro"];
  return {
    ...config,
    mounts: [...mounts, { destination: INSIDE, source: join(state, DIRECTORY), options }],
    ...(process && {
      process: { ...process, env: [...(process.env ?? []), `NOTIFY_SOCKET=${INSIDE}/${SOCKET}`] },
    }),
  };
}

/** A container's socket, and that of the manager: a path, or "@name". */
export interface NotifySocket {
  fd: number;
  manager: string;
}

/** Opened before the container's start; undefined where nobody wants to hear of it, or it was created without. */
export function openNotifySocket(manager: string | undefined, state: string): NotifySocket | undefined {
  if (!manager) return undefined;
  try {
    const fd = bindDatagramSocket(join(state, DIRECTORY), SOCKET);
    chmodSync(join(state, DIRECTORY, SOCKET), 0o777);
    return { fd, manager };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Returns when the container has said that it is ready and the manager knows whom to watch from then on, or when the
 * container has ended. What fails is no failure of the container's.
 */
export async function passReadiness(
  socket: NotifySocket | undefined,
  init: ProcessIdentity,
  mainPid = init.pid,
): Promise<void> {
  if (socket === undefined) return;
  try {
    const ready = await readiness(socket.fd, init);
    if (ready !== undefined) await tell(socket.manager, [ready, `MAINPID=${mainPid}`]);
  } catch (error) {
    warn(`the service manager at ${socket.manager} was not told: ${(error as Error).message}`);
  } finally {
    closeSync(socket.fd);
  }
}

async function readiness(fd: number, init: ProcessIdentity): Promise<string | undefined> {
  for (;;) {
    // In this order: its last words may come right before its end.
    const lives = isAlive(init);
    const ready = readyLine(receiveDatagram(fd, MESSAGE_SIZE));
    if (ready !== undefined || !lives) return ready;
    await sleep(LOOK_MS);
  }
}

const readyLine = (message: Buffer | undefined): string | undefined =>
  message
    ?.toString()
    .split("\n")
    .find((line) => line.startsWith("READY="));

async function tell(manager: string, lines: readonly string[]): Promise<void> {
  const fd = connectDatagramSocket(manager);
  try {
    for (const line of lines) writeSync(fd, `${line}\n`);
    await barrier(fd);
  } finally {
    closeSync(fd);
  }
}

/** A manager knows whom a message is from only while that process is there: sd_notify_barrier(3). */
async function barrier(fd: number): Promise<void> {
  const [ours, theirs] = closeOnExecPipe();
  try {
    sendDescriptorsOver(fd, Buffer.from("BARRIER=1"), [theirs]);
  } finally {
    closeSync(theirs);
  }
  const closed = new Promise<boolean>((resolve) => {
    read(ours, Buffer.alloc(1), 0, 1, null, () => {
      closeSync(ours);
      resolve(true);
    });
  });
  const patience = new AbortController();
  const late = sleep(BARRIER_MS, false, { signal: patience.signal }).catch(() => false);
  if (!(await Promise.race([closed, late]))) warn("the service manager has not read what it was told");
  patience.abort();
}
