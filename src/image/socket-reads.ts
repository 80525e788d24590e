/** How the sockets of registries are read: into one piece of memory, over and over. */
import type { OnReadOpts, Socket } from "node:net";

/** What one read(2) takes at most; net.Socket would have memory for 64 KiB made anew for each, and collected later. */
const READ = 256 * 1024;

/**
 * For an agent whose sockets node:http reads: its parser is done with the bytes, or has copied them, when their event
 * ends. A TLS connection through a proxy does not heed it.
 */
export function intoOneBuffer(): OnReadOpts {
  return {
    buffer: Buffer.allocUnsafeSlow(READ),
    callback(this: Socket, length: number, buffer: Uint8Array) {
      this.emit("data", buffer.subarray(0, length));
      return true;
    },
  };
}
