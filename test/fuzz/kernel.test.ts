/** What comes over sockets: netlink replies and the monitor's frames, in any condition, are read or refused by name. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SyscallError } from "../../src/kernel/errors.ts";
import { decodeAddress, decodeRoute } from "../../src/kernel/netlink-address.ts";
import { decodeLink } from "../../src/kernel/netlink-link.ts";
import { decodeMessages } from "../../src/kernel/netlink-message.ts";
import { dataFrame, FRAME, frameParser, numberFrame } from "../../src/runtime/frames.ts";
import { corpus, effort, mutated } from "./mutations.ts";

const { timeout, ...runs } = effort(1000);

test("netlink replies", { timeout }, () => {
  const property = fc.property(mutated(corpus("netlink")), (input) => {
    for (const message of decodeMessages(input)) {
      for (const decode of [decodeLink, decodeAddress, decodeRoute]) {
        try {
          decode(message);
        } catch (error) {
          if (!(error instanceof SyscallError)) throw error;
        }
      }
    }
  });
  fc.assert(property, runs);
});

test("the monitor's frames are the same in whatever pieces they arrive", { timeout }, () => {
  const seeds = [
    Buffer.concat([numberFrame(FRAME.started, 4711), dataFrame(FRAME.stdout, Buffer.from("hello\n"))]),
    Buffer.concat([numberFrame(FRAME.waiting, 3, 17), numberFrame(FRAME.exited, 0, 137, 1)]),
  ];
  const frames = (input: Buffer, size: number): [number, string][] => {
    const found: [number, string][] = [];
    const parse = frameParser((type, payload) => found.push([type, payload.toString("hex")]));
    for (let at = 0; at < input.length; at += size) parse(input.subarray(at, at + size));
    return found;
  };
  const property = fc.property(mutated(seeds), fc.integer({ min: 1, max: 40 }), (input, size) => {
    expect(frames(input, size)).toEqual(frames(input, input.length || 1));
  });
  fc.assert(property, runs);
});
