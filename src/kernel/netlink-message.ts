/**
 * Netlink messages as bytes, netlink(7) and rtnetlink(7): a header, a fixed body that the message type defines, then
 * attributes {u16 length, u16 type, payload}, which nest. Everything starts on a 4-byte boundary; numbers are in host
 * order (little endian on every machine that tsrun supports), addresses in network order.
 */

import { ERRNO, SyscallError } from "./errors.ts";

/** One request; `operation` and `subject` name it in errors: "RTM_NEWLINK", "tsrun0". */
export interface NetlinkRequest {
  readonly operation: string;
  readonly subject: string;
  readonly type: number;
  /** NLM_F_CREATE, NLM_F_EXCL, NLM_F_DUMP; NLM_F_REQUEST and NLM_F_ACK are added when it is sent. */
  readonly flags: number;
  readonly body: Buffer;
  /** Names of errors that count as success with no replies: "EAFNOSUPPORT". */
  readonly tolerate?: readonly string[];
  /** The kernel is not asked to acknowledge it: nothing is known of its outcome. */
  readonly unanswered?: boolean;
}

/** One message as it was received; `body` starts after the header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Buffer;
}

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

const HEADER_SIZE = 16;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

const align = (length: number): number => (length + 3) & ~3;

/** The bytes of a whole message. */
export function encodeMessage(request: NetlinkRequest, flags: number, sequence: number): Buffer {
  const length = HEADER_SIZE + request.body.length;
  const bytes = Buffer.alloc(align(length));
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt16LE(request.type, 4);
  bytes.writeUInt16LE(request.flags | flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  request.body.copy(bytes, HEADER_SIZE);
  return bytes;
}

/** Splits what one recv(2) returned. */
export function* decodeMessages(bytes: Buffer): Generator<NetlinkMessage> {
  for (let at = 0; at + HEADER_SIZE <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER_SIZE || at + length > bytes.length) return;
    yield {
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      body: bytes.subarray(at + HEADER_SIZE, at + length),
    };
    at += align(length);
  }
}

/**
 * What `decode` reads out of a message of that type.
 *
 * @throws SyscallError EBADMSG where the message is shorter than its type says
 */
export function decoding<Result>(type: string, decode: () => Result): Result {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RangeError) throw new SyscallError(`netlink ${type}`, ERRNO["EBADMSG"] as number);
    throw error;
  }
}

/** An attribute with its padding. */
export function attribute(type: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(align(4 + payload.length));
  bytes.writeUInt16LE(4 + payload.length, 0);
  bytes.writeUInt16LE(type, 2);
  payload.copy(bytes, 4);
  return bytes;
}

export const nested = (type: number, ...parts: Buffer[]): Buffer =>
  attribute(type | NLA_F_NESTED, Buffer.concat(parts));

/** A string attribute, terminated by a zero byte. */
export const stringAttribute = (type: number, value: string): Buffer =>
  attribute(type, Buffer.from(`${value}\0`));

export const u8Attribute = (type: number, value: number): Buffer => attribute(type, Buffer.from([value]));

export function u32Attribute(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value);
  return attribute(type, payload);
}

/** Attributes by type; of a type that occurs twice the last one counts, as in the kernel's own parser. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    attributes.set(bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return attributes;
}

/** The text of a string attribute, up to its zero byte; undefined where the attribute is absent. */
export function decodeString(payload: Buffer | undefined): string | undefined {
  if (payload === undefined) return undefined;
  const end = payload.indexOf(0);
  return payload.toString("utf8", 0, end < 0 ? payload.length : end);
}
