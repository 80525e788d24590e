/** Giving a cgroup to the user that a container's root is on the host (config-linux.md, "Cgroup ownership"). */
import { chownSync, readFileSync } from "node:fs";
import type { OciConfig } from "../runtime/oci.ts";

/** Where the kernel does not say (before Linux 4.15). */
const DELEGATED = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/**
 * The user of the host to whom the container's cgroup belongs: whoever its process is, where it mounts the cgroup
 * writable in a cgroup namespace of its own; undefined where it does not, or the user has no id on the host.
 */
export function cgroupOwner({ process, mounts, linux }: OciConfig): number | undefined {
  const isPrivate = linux.namespaces.some(({ type, path }) => type === "cgroup" && !path);
  const isWritable = mounts.some(
    ({ source, destination, options = [] }) =>
      source === "cgroup" && destination === "/sys/fs/cgroup" && !options.includes("ro"),
  );
  if (!isPrivate || !isWritable) return undefined;
  const uid = process?.user.uid ?? 0;
  if (linux.namespaces.every(({ type }) => type !== "user")) return uid;
  const range = linux.uidMappings?.find(
    ({ containerID, size }) => uid >= containerID && uid < containerID + size,
  );
  return range && range.hostID + uid - range.containerID;
}

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
