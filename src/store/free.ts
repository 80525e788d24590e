/** Memory of buffers that nobody waits for V8 to collect. */

/**
 * Gives the memory below `bytes` back at once. They must be the last that is in use of their buffer: everything that
 * shares it is empty afterwards.
 *
 * V8 would give it back with a collection, which it starts for what fills its heap, not for the memory of buffers:
 * tens of megabytes of it are garbage until then, in each thread.
 */
export function free({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Whether the bytes are all of their buffer, so that no other can be expected to share it. */
export const isWhole = ({ buffer, length }: Uint8Array): boolean => length === buffer.byteLength;
