/** Making and removing the directories that cgroups are. */
import { mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { TsrunError } from "../../errors.ts";
import { monotonic } from "../../kernel/clock.ts";
import { SyscallError } from "../../kernel/errors.ts";
import { sleep } from "../../kernel/sleep.ts";
import { cannotCreate } from "./errors.ts";

const REMOVE_TIMEOUT_MS = 1000;

export interface MakeCgroupOptions {
  /** Given each cgroup that had to be made above it, from the top down. */
  madeParent?: ((directory: string) => void) | undefined;
  /** One of that name is taken as it is. */
  adopt?: boolean | undefined;
}

/**
 * Makes one cgroup, and those above it where they are missing; false where it was there and is adopted. Otherwise an
 * empty one of that name is replaced: it is what a killed command left behind, with its limits and counters.
 */
export function makeCgroup(directory: string, options: MakeCgroupOptions = {}): boolean {
  try {
    return makeDirectory(directory, options);
  } catch (error) {
    const { syscall, errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    throw cannotCreate(directory, new SyscallError(syscall ?? "mkdir", -errno, directory));
  }
}

function makeDirectory(directory: string, { madeParent, adopt }: MakeCgroupOptions): boolean {
  for (;;) {
    const code = tryMkdir(directory);
    if (code === undefined) return true;
    if (code === "ENOENT") makeParents(dirname(directory), madeParent);
    else if (adopt) return false;
    else rmdirSync(directory);
  }
}

function makeParents(directory: string, madeParent: MakeCgroupOptions["madeParent"]): void {
  let code = tryMkdir(directory);
  if (code === "ENOENT" && dirname(directory) !== directory) {
    makeParents(dirname(directory), madeParent);
    code = tryMkdir(directory);
  }
  if (code === undefined) madeParent?.(directory);
}

/** undefined where it was made. */
function tryMkdir(directory: string): "EEXIST" | "ENOENT" | undefined {
  try {
    mkdirSync(directory, 0o755);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || code === "ENOENT") return code;
    throw error;
  }
}

/** Removes what is empty already and says nothing about the rest: for giving up a cgroup that was never used. */
export function discardCgroups(directories: readonly string[]): void {
  for (const directory of directories) {
    try {
      rmdirSync(directory);
    } catch {
      // Not made, or not ours alone.
    }
  }
}

/** Removes cgroups and those below them; a process that is still exiting keeps its cgroup EBUSY for a moment. */
export async function removeCgroups(directories: readonly string[]): Promise<void> {
  const deadline = monotonic() + REMOVE_TIMEOUT_MS;
  let left = directories;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    left = left.filter((directory) => !removeTree(directory));
    if (left.length === 0) return;
    if (monotonic() > deadline) {
      throw new TsrunError("ERR_TSRUN_CGROUP_BUSY", `processes still run in the cgroup ${left[0]}`, {
        hint: `end them first: cat ${left[0]}/cgroup.procs lists them`,
      });
    }
    await sleep(pause);
  }
}

/** Whether the directory is gone now. */
function removeTree(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return true;
    if (code !== "EBUSY" && code !== "ENOTEMPTY") throw error;
  }
  const children = childCgroups(directory);
  return children.length > 0 && children.every(removeTree) && removeTree(directory);
}

/** The cgroups directly below one; none where it is gone. */
export function childCgroups(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${directory}/${entry.name}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
