/** What waits for the word of a seccomp agent (seccomp_unotify(2)): the listener's descriptor goes to that agent. */
import { closeSync } from "node:fs";
import { basename, dirname } from "node:path";
import { pidfdGetfd, pidfdOpen } from "../kernel/process.ts";
import { sendDescriptors } from "../kernel/sockets.ts";
import type { OciConfig } from "../runtime/oci.ts";
import { invalidRequest } from "./errors.ts";
import type { ExecutorEvent } from "./executor.ts";
import type { OciState } from "./state.ts";

/**
 * Takes the listener out of the process that has made it and sends it with the container process state to the socket at
 * linux.seccomp.listenerPath (config-linux.md, "The Container Process State").
 */
export function passListener(
  { linux: { seccomp } }: OciConfig,
  { pid, listener }: ExecutorEvent & { kind: "waiting" },
  state: OciState,
): void {
  const { listenerPath = "", listenerMetadata: metadata } = seccomp ?? {};
  const { rootfs: _, created: __, ...told } = state;
  const document = {
    ociVersion: state.ociVersion,
    fds: ["seccompFd"],
    pid,
    ...(metadata && { metadata }),
    state: told,
  };
  const pidfd = pidfdOpen(pid);
  try {
    const fd = pidfdGetfd(pidfd, listener);
    try {
      const socket = { directory: dirname(listenerPath), name: basename(listenerPath) };
      sendDescriptors(socket, Buffer.from(JSON.stringify(document)), [fd]);
    } catch (error) {
      throw invalidRequest(
        `failed to connect with seccomp agent specified in the seccomp profile: ${(error as Error).message}`,
        error,
      );
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(pidfd);
  }
}
