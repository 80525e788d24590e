/** The owners of a mount whose source is in the container itself, which a root of a user namespace may not map. */
import { closeSync } from "node:fs";
import { pidfdGetfd, pidfdOpen } from "../kernel/process.ts";
import { mapMountOwners } from "../kernel/userns.ts";
import type { Step } from "../runtime/plan/plan.ts";
import type { ExecutorEvent } from "./executor.ts";
import type { Descriptors } from "./slots.ts";

/** Does in the runtime what the step says, on the mount that the waiting process has opened. */
export function mapOwners(
  { userns, recursive = false }: Step & { op: "idmap" },
  { pid, listener: offered }: ExecutorEvent & { kind: "waiting" },
  fds: Descriptors,
): void {
  const pidfd = pidfdOpen(pid);
  try {
    const tree = pidfdGetfd(pidfd, offered);
    try {
      mapMountOwners(tree, fds[userns] ?? -1, { recursive });
    } finally {
      closeSync(tree);
    }
  } finally {
    closeSync(pidfd);
  }
}
