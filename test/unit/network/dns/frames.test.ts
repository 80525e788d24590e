import fc from "fast-check";
import { expect, test } from "vitest";
import { framed, frames } from "../../../../src/network/dns/frames.ts";

test("messages come out as they went in, however the stream was cut", () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map((message) => framed(Buffer.from(message))));
      const received: Buffer[] = [];
      const take = frames((message) => received.push(Buffer.from(message)));
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const length = cuts[turn % cuts.length] as number;
        take(stream.subarray(at, at + length));
        at += length;
      }
      expect(received).toEqual(sent.map((message) => Buffer.from(message)));
    }),
  );
});
