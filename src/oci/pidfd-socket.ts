/** A pidfd for whoever manages the container (--pidfd-socket). */
import { closeSync } from "node:fs";
import { basename, dirname } from "node:path";
import { pidfdOpen } from "../kernel/process.ts";
import { sendDescriptors } from "../kernel/sockets.ts";

/** Connects to the unix socket at `path` and sends a pidfd of the process, with its name as the message. */
export function sendPidfd(path: string, pid: number): void {
  const pidfd = pidfdOpen(pid);
  try {
    sendDescriptors({ directory: dirname(path), name: basename(path) }, Buffer.from("pidfd"), [pidfd]);
  } finally {
    closeSync(pidfd);
  }
}
