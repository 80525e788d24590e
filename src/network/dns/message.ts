/** DNS messages, RFC 1035: what a client asks, and the answers that are made here. Other servers' pass through as bytes. */
import type { DecodedPacket, Packet, RecordType } from "dns-packet";

/** The part of the package dns-packet that is used, loaded by the resolver alone. */
export interface Codec {
  decode(bytes: Buffer): DecodedPacket;
  encode(packet: Packet): Buffer;
}

export interface Query {
  id: number;
  /** As it was asked, without the last dot; names are compared in lower case. */
  name: string;
  /** "A", "AAAA", "PTR"; "UNKNOWN_65" for one that the library has no name for. */
  type: RecordType | "ANY" | `UNKNOWN_${number}`;
  /** "IN". */
  class: string;
  flags: number;
  /** The largest answer that the client takes over UDP. */
  limit: number;
  /** It speaks EDNS, RFC 6891, and is to be answered so. */
  edns: boolean;
  bytes: Buffer;
}

/** One thing that a name stands for. */
export interface NameRecord {
  type: "A" | "AAAA" | "PTR";
  data: string;
}

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
/** For how many seconds a client may remember an answer: docker's number. */
const TTL = 600;

const HEADER_SIZE = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;
const OPCODE_MASK = 0x7800;
const RCODE_MASK = 0xf;
/** Two bits that make a label's length something else: a pointer. */
const LABEL_KIND_MASK = 0xc0;
/** What a client without EDNS takes over UDP; the most that TCP can carry. */
const PLAIN_LIMIT = 512;
export const STREAM_LIMIT = 0xffff;
/** An OPT record: root name, type 41, 4096 bytes over UDP, no flags, no options. */
const OPT = Buffer.from([0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]);

/** Reads a client's message. Otherwise what to answer at once: nothing where it is not a question. */
export function readQuery({ decode }: Codec, bytes: Buffer): Query | { answer: Buffer | undefined } {
  // An answer to an answer could go on for ever.
  if (bytes.length < HEADER_SIZE || isResponse(bytes)) return { answer: undefined };
  if ((flagsOf(bytes) & OPCODE_MASK) !== 0) return { answer: headerAnswer(bytes, RCODE.NOTIMP) };
  let packet: DecodedPacket;
  try {
    packet = decode(bytes);
  } catch {
    return { answer: headerAnswer(bytes, RCODE.FORMERR) };
  }
  const [question, ...more] = packet.questions ?? [];
  if (question === undefined || more.length > 0) return { answer: headerAnswer(bytes, RCODE.FORMERR) };
  const opt = packet.additionals?.find((record) => record.type === "OPT");
  return {
    id: idOf(bytes),
    name: question.name,
    type: question.type as Query["type"],
    class: question.class ?? "IN",
    flags: flagsOf(bytes),
    limit: opt === undefined ? PLAIN_LIMIT : Math.max(PLAIN_LIMIT, opt.udpPayloadSize),
    edns: opt !== undefined,
    bytes,
  };
}

/** The answer with these records; where that has more than `limit` bytes, with as many as fit, and marked as cut. */
export function answerOf(
  { encode }: Codec,
  query: Query,
  { records, limit }: { records: readonly NameRecord[]; limit: number },
): Buffer {
  if (records.length === 0) return emptyAnswer(query, RCODE.NOERROR);
  const flags = responseFlags(query.flags);
  const build = (count: number): Buffer => {
    const bytes = encode({
      type: "response",
      id: query.id,
      flags: count < records.length ? flags | FLAG_TRUNCATED : flags,
      questions: [{ name: query.name, type: query.type as RecordType, class: "IN" }],
      answers: records
        .slice(0, count)
        .map(({ type, data }) => ({ type, name: query.name, class: "IN", ttl: TTL, data })),
    });
    return query.edns ? withOpt(bytes) : bytes;
  };
  const whole = build(records.length);
  if (whole.length <= limit) return whole;
  const overhead = build(0).length;
  const perRecord = (whole.length - overhead) / records.length;
  for (
    let count = Math.min(Math.floor((limit - overhead) / perRecord), records.length - 1);
    count > 0;
    count--
  ) {
    const shorter = build(count);
    if (shorter.length <= limit) return shorter;
  }
  return build(0);
}

/** An answer without records: there are none of this type (NOERROR), no such name, no success. */
export function emptyAnswer({ bytes, edns }: Query, rcode: number): Buffer {
  const answer = Buffer.from(bytes.subarray(0, questionEnd(bytes)));
  answer.writeUInt16BE(responseFlags(flagsOf(bytes)) | rcode, 2);
  answer.fill(0, 6, HEADER_SIZE); // the counts of what follows the question
  return edns ? withOpt(answer) : answer;
}

/** The header alone, for what could not be read. */
function headerAnswer(bytes: Buffer, rcode: number): Buffer {
  const answer = Buffer.alloc(HEADER_SIZE);
  answer.writeUInt16BE(idOf(bytes), 0);
  answer.writeUInt16BE(responseFlags(flagsOf(bytes)) | rcode, 2);
  return answer;
}

function withOpt(answer: Buffer): Buffer {
  const bytes = Buffer.concat([answer, OPT]);
  bytes.writeUInt16BE(1, 10);
  return bytes;
}

/** The same message under another number: what distinguishes the questions of one client. */
export function withId(bytes: Buffer, id: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(id, 0);
  return copy;
}

export const idOf = (bytes: Buffer): number => bytes.readUInt16BE(0);
const flagsOf = (bytes: Buffer): number => bytes.readUInt16BE(2);
const isResponse = (bytes: Buffer): boolean => (flagsOf(bytes) & FLAG_RESPONSE) !== 0;
export const isTruncated = (bytes: Buffer): boolean => (flagsOf(bytes) & FLAG_TRUNCATED) !== 0;
export const rcodeOf = (bytes: Buffer): number => flagsOf(bytes) & RCODE_MASK;
const responseFlags = (flags: number): number =>
  FLAG_RESPONSE | (flags & (OPCODE_MASK | FLAG_RECURSION_DESIRED)) | FLAG_RECURSION_AVAILABLE;

/** Whether a server's message answers the question that it was sent: the number, the direction, the question itself. */
export function isAnswerTo(question: Buffer, bytes: Buffer): boolean {
  if (bytes.length < HEADER_SIZE || idOf(bytes) !== idOf(question) || !isResponse(bytes)) return false;
  // A server that could not read the question may leave it out.
  if (bytes.readUInt16BE(4) === 0) return rcodeOf(bytes) !== RCODE.NOERROR;
  const end = questionEnd(question);
  return end <= bytes.length && lowerCase(question, end) === lowerCase(bytes, end);
}

const lowerCase = (bytes: Buffer, end: number): string =>
  bytes.toString("latin1", HEADER_SIZE, end).toLowerCase();

/** Where the first question ends: labels up to the empty one or a pointer, then type and class. */
function questionEnd(bytes: Buffer): number {
  let at = HEADER_SIZE;
  for (let length = bytes[at] ?? 0; length !== 0; length = bytes[at] ?? 0) {
    if ((length & LABEL_KIND_MASK) !== 0) {
      at++;
      break;
    }
    at += 1 + length;
  }
  return Math.min(at + 5, bytes.length);
}
