/** Messages in a stream, RFC 1035 4.2.2: each after its length, two bytes. */

/** The bytes to be sent for one message. */
export function framed(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(2 + message.length);
  bytes.writeUInt16BE(message.length, 0);
  message.copy(bytes, 2);
  return bytes;
}

/** Takes what was received, in whatever pieces, and calls back with each message that is complete. */
export function frames(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0);
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const end = 2 + pending.readUInt16BE(0);
      if (pending.length < end) return;
      onMessage(pending.subarray(2, end));
      pending = pending.subarray(end);
    }
  };
}
