/** The processes of a cgroup. */
import { TsrunError } from "../../errors.ts";
import { readControlIfAny } from "../../kernel/cgroupfs.ts";
import { monotonic } from "../../kernel/clock.ts";
import { sleep } from "../../kernel/sleep.ts";
import { childCgroups } from "./directory.ts";

const FREEZE_TIMEOUT_MS = 5000;

/** Process ids of a cgroup and of those below it; none where it is gone. */
export function pidsBelow(directory: string): number[] {
  const text = readControlIfAny(`${directory}/cgroup.procs`);
  const own = text === undefined || text === "" ? [] : text.split("\n").map(Number);
  // Processes of another pid namespace read as 0.
  return [...own.filter((pid) => pid > 0), ...childCgroups(directory).flatMap(pidsBelow)];
}

/** SIGKILL to each; a process that is gone meanwhile is as good as killed. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** Whether its freezer holds the cgroup, or is about to; false where it is gone or has none. */
export function isFrozen(freezer: { file: string; thawed: string } | undefined): boolean {
  const state = freezer === undefined ? undefined : readControlIfAny(freezer.file);
  return state !== undefined && state !== freezer?.thawed;
}

/** Waits until the freezer says that it is done; throws where a process in uninterruptible sleep holds it up. */
export async function untilFrozen(path: string, isFrozen: () => boolean): Promise<void> {
  const deadline = monotonic() + FREEZE_TIMEOUT_MS;
  for (let pause = 1; !isFrozen(); pause = Math.min(pause * 2, 50)) {
    if (monotonic() > deadline) {
      throw new TsrunError(
        "ERR_TSRUN_CGROUP_FREEZE",
        `the processes of ${path} did not freeze within 5 seconds`,
        {
          hint: "one of them waits inside the kernel (state D in ps): try again when its I/O is done",
        },
      );
    }
    await sleep(pause);
  }
}
