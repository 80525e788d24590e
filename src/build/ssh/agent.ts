/**
 * Agents as the RUNs of a build may ask them: which keys there are, and for signatures. To add and to remove keys, to
 * lock the agent, and extensions are refused, since a Dockerfile is not to have that power over its user's agent.
 */
import { connect } from "node:net";
import type { Identity } from "./identity.ts";
import {
  FAILURE,
  framed,
  IDENTITIES_ANSWER,
  messagesOf,
  REQUEST_IDENTITIES,
  SIGN_REQUEST,
  SIGN_RESPONSE,
} from "./messages.ts";
import { Reader, string, uint32 } from "./wire.ts";

export interface Agent {
  /** For one client. */
  open(): Conversation;
}

export interface Conversation {
  /** One message after the other, each when the one before was answered. */
  answer(request: Buffer): Promise<Buffer>;
  close(): void;
}

const REFUSAL = Buffer.of(FAILURE);

/** An agent that has these keys. */
export function agentOfKeys(identities: readonly Identity[]): Agent {
  const answer = async (request: Buffer): Promise<Buffer> => {
    try {
      return answerFrom(identities, request) ?? REFUSAL;
    } catch (error) {
      if (error instanceof RangeError) return REFUSAL;
      throw error;
    }
  };
  return { open: () => ({ answer, close() {} }) };
}

function answerFrom(identities: readonly Identity[], request: Buffer): Buffer | undefined {
  const reader = new Reader(request);
  const type = reader.byte();
  if (type === REQUEST_IDENTITIES) {
    // No comments: they tell who the keys' owner is.
    const all = identities.map(({ blob }) => Buffer.concat([string(blob), string("")]));
    return Buffer.concat([Buffer.of(IDENTITIES_ANSWER), uint32(identities.length), ...all]);
  }
  if (type !== SIGN_REQUEST) return undefined;
  const [blob, data, flags] = [reader.string(), reader.string(), reader.uint32()];
  const signature = identities.find((identity) => identity.blob.equals(blob))?.sign(data, flags);
  return signature && Buffer.concat([Buffer.of(SIGN_RESPONSE), string(signature)]);
}

/** The agent that listens at a path. */
export function agentAt(path: string): Agent {
  return {
    open() {
      const socket = connect(path);
      const answers = messagesOf(socket);
      // Who waits for an answer hears of it.
      socket.on("error", () => {});
      return {
        async answer(request) {
          if (request[0] !== REQUEST_IDENTITIES && request[0] !== SIGN_REQUEST) return REFUSAL;
          socket.write(framed(request));
          const { value, done } = await answers.next();
          if (done) throw new Error(`the agent at ${path} has ended the conversation`);
          return value;
        },
        close: () => socket.destroy(),
      };
    },
  };
}
