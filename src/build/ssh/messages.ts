/** The messages of an agent's protocol (draft-miller-ssh-agent, sections 3 and 5.1). */
import { uint32 } from "./wire.ts";

export const FAILURE = 5;
export const REQUEST_IDENTITIES = 11;
export const IDENTITIES_ANSWER = 12;
export const SIGN_REQUEST = 13;
export const SIGN_RESPONSE = 14;

/** OpenSSH's own limit (AGENT_MAX_LEN of ssh-agent.c). */
const MAX_LENGTH = 256 * 1024;

/** A message as it is sent. */
export const framed = (message: Buffer): Buffer => Buffer.concat([uint32(message.length), message]);

/** Messages without their lengths. Throws RangeError where one is too long, or empty. */
export async function* messagesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of stream) {
    rest = Buffer.concat([rest, piece]);
    while (rest.length >= 4) {
      const length = rest.readUInt32BE();
      if (length === 0 || length > MAX_LENGTH) throw new RangeError(`a message of ${length} bytes`);
      if (rest.length < 4 + length) break;
      yield rest.subarray(4, 4 + length);
      rest = rest.subarray(4 + length);
    }
  }
}
