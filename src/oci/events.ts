/** events: what a container uses, again and again, and when it has run out of memory. */
import { setTimeout as sleep } from "node:timers/promises";
import { keyedNumber, readControlIfAny } from "../kernel/cgroupfs.ts";
import { monotonic } from "../kernel/clock.ts";
import { SyscallError } from "../kernel/errors.ts";
import { noCgroup } from "./absent-cgroup.ts";
import { type OciCgroup, reopenOciCgroup } from "./container-cgroup.ts";
import { ociError } from "./errors.ts";
import { isAlive, readState, type StateDocument, statusOf } from "./state.ts";
import { type OciStats, readStats } from "./stats.ts";

export type OciEvent = { type: "stats"; id: string; data: OciStats } | { type: "oom"; id: string };

/** How often the count of OOM kills is looked at; the kernel's notifications differ in each version of cgroups. */
const LOOK_MS = 100;

/** Throws ERR_TSRUN_OCI_NOT_RUNNING, ERR_TSRUN_OCI_NO_CGROUP. */
export function currentStats(root: string, id: string): OciEvent {
  return statsEvent(observed(root, id));
}

/** Statistics every `interval` milliseconds and each OOM kill, until the container's first process is gone. */
export async function* watchContainer(
  root: string,
  id: string,
  { interval }: { interval: number },
): AsyncGenerator<OciEvent> {
  const watched = observed(root, id);
  let kills = oomKills(watched.cgroup);
  let next = monotonic() + interval;
  for (;;) {
    await sleep(Math.max(0, Math.min(LOOK_MS, next - monotonic())));
    const isOver = !isAlive(watched.state);
    // The kill that ended the container counts too, as long as its cgroup is there to tell.
    const now = oomKills(watched.cgroup);
    if (now > kills) yield { type: "oom", id };
    kills = Math.max(kills, now);
    if (isOver) return;
    if (monotonic() < next) continue;
    next += interval;
    try {
      yield statsEvent(watched);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error; // the cgroup is being removed
    }
  }
}

interface Observed {
  state: StateDocument;
  cgroup: OciCgroup;
}

function observed(root: string, id: string): Observed {
  const state = readState(root, id);
  if (statusOf(root, state) === "stopped") {
    throw ociError("ERR_TSRUN_OCI_NOT_RUNNING", `container with id ${id} is not running`);
  }
  return { state, cgroup: reopenOciCgroup(state.cgroup) };
}

function statsEvent({ state: { id }, cgroup: { location } }: Observed): OciEvent {
  if (location === undefined) throw noCgroup();
  return { type: "stats", id, data: readStats(location) };
}

function oomKills({ driven: { oomCounter } }: OciCgroup): number {
  if (oomCounter === undefined) return 0;
  return keyedNumber(readControlIfAny(oomCounter.file), oomCounter.key) ?? 0;
}
