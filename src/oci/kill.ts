/** kill: a signal for the container's first process. */
import { setTimeout as sleep } from "node:timers/promises";
import { reopenOciCgroup } from "./container-cgroup.ts";
import { notRunning, ociError } from "./errors.ts";
import { isAlive, readState, type StateDocument } from "./state.ts";

const SIGKILL = 9;
const PATIENCE_MS = 10_000;
const LOOK_MS = 2;

/**
 * Sends a signal by number. SIGKILL reaches every process of a container without a pid namespace of its own, which the
 * first process does not take with it. Throws ERR_TSRUN_OCI_NOT_RUNNING.
 */
export async function killContainer(
  root: string,
  id: string,
  { signal, all = false }: { signal: number; all?: boolean },
): Promise<void> {
  const state = readState(root, id);
  if (all) signalAll(state, signal);
  else await signalContainer(state, signal);
}

/** Every process in the container's cgroup, which may be none. */
function signalAll({ cgroup }: StateDocument, signal: number): void {
  const group = reopenOciCgroup(cgroup).driven;
  if (signal === SIGKILL) group.kill();
  else for (const pid of group.pids()) send(pid, signal);
}

/** False where the process is gone. */
function send(pid: number, signal: number): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

async function signalContainer(state: StateDocument, signal: number): Promise<void> {
  const everybody = signal === SIGKILL && sharesPids(state);
  if (everybody) reopenOciCgroup(state.cgroup).driven.kill();
  if (!isAlive(state)) {
    if (everybody) return;
    throw notRunning();
  }
  if (!send(state.pid, signal)) throw notRunning();
  // A frozen process of cgroup v1 hears of its end when it is thawed.
  if (signal === SIGKILL) await thaw(state);
}

async function thaw({ cgroup }: StateDocument): Promise<void> {
  const group = reopenOciCgroup(cgroup).driven;
  if (group.version === 1 && group.frozen()) await group.thaw();
}

/** Whether processes of the container can outlive its first one. */
export const sharesPids = ({ config }: StateDocument): boolean =>
  !config.linux.namespaces.some(({ type, path }) => type === "pid" && !path);

/** Kills everything of the container and returns when its first process is gone. */
export async function killNow(state: StateDocument): Promise<void> {
  if (isAlive(state)) await signalContainer(state, SIGKILL);
  // Where its creator was killed, a process may be there that no document names.
  else reopenOciCgroup(state.cgroup).driven.kill();
  for (let waited = 0; isAlive(state); waited += LOOK_MS) {
    if (waited >= PATIENCE_MS) throw ociError("ERR_TSRUN_OCI_STILL_RUNNING", "container init still running");
    await sleep(LOOK_MS);
  }
}
