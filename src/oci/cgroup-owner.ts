/** Giving a cgroup to the user that a container's root is on the host (config-linux.md, "Cgroup ownership"). */
import { chownSync, readFileSync } from "node:fs";

/** Where the kernel does not say (before Linux 4.15). */
const DELEGATED = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/** The directory and those of its files that the kernel calls delegatable; limits stay the runtime's. */
export function delegateCgroup(directory: string, uid: number): void {
  chownSync(directory, uid, -1);
  for (const file of delegated()) {
    try {
      chownSync(`${directory}/${file}`, uid, -1);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

function delegated(): string[] {
  try {
    return readFileSync("/sys/kernel/cgroup/delegate", "latin1").split("\n").filter(Boolean);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return DELEGATED;
    throw error;
  }
}
