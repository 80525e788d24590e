import { decode, encode, type OptAnswer } from "dns-packet";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  answerOf,
  emptyAnswer,
  isAnswerTo,
  isTruncated,
  type NameRecord,
  type Query,
  RCODE,
  rcodeOf,
  readQuery,
  STREAM_LIMIT,
  withId,
} from "../../../../src/network/dns/message.ts";

const codec = { decode, encode };
const RECURSION_DESIRED = 0x100;
const edns = (size: number): OptAnswer => ({
  type: "OPT",
  name: ".",
  udpPayloadSize: size,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
});

function question(name: string, { type = "A", udpSize }: { type?: string; udpSize?: number } = {}): Buffer {
  return encode({
    type: "query",
    id: 0x1234,
    flags: RECURSION_DESIRED,
    questions: [{ type: type as "A", name }],
    additionals: udpSize === undefined ? [] : [edns(udpSize)],
  });
}

function read(bytes: Buffer): Query {
  const query = readQuery(codec, bytes);
  if ("answer" in query) throw new Error("not a query");
  return query;
}

const records = (count: number): NameRecord[] =>
  Array.from({ length: count }, (_, index) => ({ type: "A", data: `10.0.${index >> 8}.${index & 255}` }));

describe("questions", () => {
  test("are read with what the client takes", () => {
    expect(read(question("Web.Example"))).toMatchObject({
      id: 0x1234,
      name: "Web.Example",
      type: "A",
      class: "IN",
      limit: 512,
      edns: false,
    });
    expect(read(question("web", { type: "AAAA", udpSize: 1232 }))).toMatchObject({
      type: "AAAA",
      limit: 1232,
      edns: true,
    });
    expect(read(question("web", { udpSize: 100 })).limit).toBe(512);
    expect(read(question("web", { type: "UNKNOWN_65" })).type).toBe("UNKNOWN_65");
  });

  test("an answer, or less than a header, gets no answer", () => {
    const response = encode({ type: "response", id: 1, questions: [{ type: "A", name: "web" }] });
    expect(readQuery(codec, response)).toEqual({ answer: undefined });
    expect(readQuery(codec, Buffer.alloc(11))).toEqual({ answer: undefined });
  });

  test.each([
    [
      "another operation",
      () => {
        const bytes = question("web");
        bytes[2] = 0x28;
        return bytes;
      },
      RCODE.NOTIMP,
    ],
    ["no question", () => encode({ type: "query", id: 7 }), RCODE.FORMERR],
    [
      "two questions",
      () =>
        encode({
          type: "query",
          id: 7,
          questions: [
            { type: "A", name: "one" },
            { type: "A", name: "two" },
          ],
        }),
      RCODE.FORMERR,
    ],
    ["a name that is cut", () => question("web").subarray(0, 14), RCODE.FORMERR],
  ])("%s is refused by its code", (_what, make, code) => {
    const bytes = make();
    const query = readQuery(codec, bytes);
    const answer = "answer" in query ? query.answer : undefined;
    expect(answer).toHaveLength(12);
    expect(rcodeOf(answer as Buffer)).toBe(code);
    expect(decode(answer as Buffer)).toMatchObject({ type: "response", id: bytes.readUInt16BE(0) });
  });

  test("whatever comes: a query, or an answer that a client can read", () => {
    const anything = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
    const damaged = fc
      .tuple(fc.domain(), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }))
      .map(([name, changes]) => {
        const bytes = question(name, { udpSize: 4096 });
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(anything, damaged), (bytes) => {
        const query = readQuery(codec, bytes);
        const answer = "answer" in query ? query.answer : emptyAnswer(query, RCODE.SERVFAIL);
        if (answer === undefined) return;
        expect(decode(answer)).toMatchObject({ type: "response", id: bytes.readUInt16BE(0), answers: [] });
        if (!("answer" in query)) expect(isAnswerTo(bytes, answer)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("answers", () => {
  test("have the question as it was asked, the records for ten minutes, and EDNS for who speaks it", () => {
    const query = read(question("DB.Example", { udpSize: 1232 }));
    const answer = decode(answerOf(codec, query, { records: records(2), limit: query.limit }));
    expect(answer).toMatchObject({
      type: "response",
      id: 0x1234,
      rcode: "NOERROR",
      flag_rd: true,
      flag_ra: true,
      flag_tc: false,
      questions: [{ name: "DB.Example", type: "A" }],
      answers: [
        { name: "DB.Example", type: "A", ttl: 600, data: "10.0.0.0" },
        { name: "DB.Example", type: "A", ttl: 600, data: "10.0.0.1" },
      ],
      additionals: [{ type: "OPT" }],
    });
  });

  test("no records: there are none of this type", () => {
    const query = read(question("db", { type: "AAAA" }));
    const answer = decode(answerOf(codec, query, { records: [], limit: 512 }));
    expect(answer).toMatchObject({
      rcode: "NOERROR",
      answers: [],
      questions: [{ name: "db", type: "AAAA" }],
    });
  });

  test("names that are no text come back byte for byte", () => {
    const bytes = question("x.example");
    bytes[13] = 0xff;
    const answer = emptyAnswer(read(bytes), RCODE.NXDOMAIN);
    expect(answer.subarray(12)).toEqual(bytes.subarray(12));
    expect(rcodeOf(answer)).toBe(RCODE.NXDOMAIN);
  });

  test("never have more bytes than the client takes, and as many records as fit", () => {
    fc.assert(
      fc.property(
        fc.domain(),
        fc.nat(400),
        fc.option(fc.integer({ min: 512, max: 4096 })),
        (name, count, size) => {
          const query = read(question(name, size === null ? {} : { udpSize: size }));
          const all = records(count);
          const bytes = answerOf(codec, query, { records: all, limit: query.limit });
          const got = decode(bytes).answers ?? [];
          expect(bytes.length).toBeLessThanOrEqual(query.limit);
          expect(isTruncated(bytes)).toBe(got.length < count);
          expect(got.map((answer) => "data" in answer && answer.data)).toEqual(
            all.slice(0, got.length).map(({ data }) => data),
          );
          if (got.length < count) {
            const one = answerOf(codec, query, {
              records: all.slice(0, got.length + 1),
              limit: STREAM_LIMIT,
            });
            expect(one.length).toBeGreaterThan(query.limit);
          }
          expect(decode(answerOf(codec, query, { records: all, limit: STREAM_LIMIT })).answers).toHaveLength(
            count,
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("what answers a question", () => {
  const asked = question("a.example");
  const answer = (name: string, id = 0x1234): Buffer =>
    encode({ type: "response", id, questions: [{ type: "A", name }] });

  test("its number and its question, whatever the case", () => {
    expect(isAnswerTo(asked, answer("a.example"))).toBe(true);
    expect(isAnswerTo(asked, answer("A.Example"))).toBe(true);
    expect(isAnswerTo(asked, answer("b.example"))).toBe(false);
    expect(isAnswerTo(asked, answer("a.example", 0x1235))).toBe(false);
    expect(isAnswerTo(asked, asked)).toBe(false);
    expect(isAnswerTo(asked, answer("a.example").subarray(0, 20))).toBe(false);
  });

  test("without the question only a refusal does", () => {
    const header = encode({ type: "response", id: 0x1234 });
    expect(isAnswerTo(asked, header)).toBe(false);
    header[3] = RCODE.FORMERR;
    expect(isAnswerTo(asked, header)).toBe(true);
  });

  test("withId changes a copy", () => {
    const copy = withId(asked, 1);
    expect([copy.readUInt16BE(0), asked.readUInt16BE(0)]).toEqual([1, 0x1234]);
    expect(copy.subarray(2)).toEqual(asked.subarray(2));
  });
});
