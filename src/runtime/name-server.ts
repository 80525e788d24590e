/** A name server for a container that runs already: its monitor takes the sockets as if it had been started with them. */
import { sendDescriptors } from "../kernel/sockets.ts";
import { dataFrame, FRAME } from "./frames.ts";

/** `socketDir` is that of MonitorOptions; the descriptors stay the caller's. Throws SyscallError where nobody serves there. */
export function giveNameServer(socketDir: string, sockets: readonly [udp: number, tcp: number]): void {
  const frame = dataFrame(FRAME.resolver, Buffer.alloc(0));
  sendDescriptors({ directory: socketDir, name: "attach.sock" }, frame, sockets);
}
