/**
 * What kubelet says to a container runtime (k8s.io/cri-api, runtime.v1), as much as one pod needs: gRPC is HTTP/2 with a
 * message in each body, and the messages are protocol buffers.
 */
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";

/** Field numbers with their values; a list is a repeated field, an object a message. */
export interface Message {
  [field: number]: Value | readonly Value[];
}
type Value = string | number | Message;

const VARINT = 0;
const BYTES = 2;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

function encode(message: Message): Buffer {
  const fields = Object.entries(message).flatMap(([field, value]) =>
    (Array.isArray(value) ? (value as readonly Value[]) : [value as Value]).map((each) =>
      encodeField(Number(field), each),
    ),
  );
  return Buffer.concat(fields);
}

function encodeField(field: number, value: Value): Buffer {
  if (typeof value === "number") return Buffer.concat([varint(field * 8 + VARINT), varint(value)]);
  const bytes = typeof value === "string" ? Buffer.from(value) : encode(value);
  return Buffer.concat([varint(field * 8 + BYTES), varint(bytes.length), bytes]);
}

/** Numbers, and bytes, by field; the last of each. */
export type Answer = Map<number, number | Buffer>;

export function decode(bytes: Buffer): Answer {
  const answer: Answer = new Map();
  let at = 0;
  const number = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const tag = number();
    if (tag % 8 === VARINT) answer.set(tag >> 3, number());
    else if (tag % 8 === BYTES) {
      const length = number();
      answer.set(tag >> 3, bytes.subarray(at, at + length));
      at += length;
    } else throw new Error(`no field of a CRI message has wire type ${tag % 8}`);
  }
  return answer;
}

export const textOf = (answer: Answer, field: number): string => String(answer.get(field) ?? "");

export class Cri implements Disposable {
  readonly #session: ClientHttp2Session;

  /** `socket` is the path of containerd's. */
  constructor(socket: string) {
    this.#session = connectHttp2("http://localhost", { createConnection: () => connect(socket) });
  }

  /** Throws what the runtime says where it refuses. */
  async call(method: string, message: Message = {}): Promise<Answer> {
    const stream = this.#session.request({
      ":method": "POST",
      ":path": `/runtime.v1.RuntimeService/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const body = encode(message);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(body.length, 1);
    const chunks: Buffer[] = [];
    let told: Record<string, unknown> = {};
    const tell = (headers: object): void => {
      told = { ...told, ...headers };
    };
    stream
      .on("data", (chunk: Buffer) => chunks.push(chunk))
      .on("response", tell)
      .on("trailers", tell);
    stream.end(Buffer.concat([prefix, body]));
    await once(stream, "end");
    if (told["grpc-status"] !== "0") {
      throw new Error(`${method}: ${decodeURIComponent(String(told["grpc-message"]))}`);
    }
    return decode(Buffer.concat(chunks).subarray(prefix.length));
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}
