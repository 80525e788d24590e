import { expect, test } from "vitest";
import { parseSignal } from "../../../src/engine/signals.ts";

test.each([
  ["SIGTERM", 15],
  ["term", 15],
  ["9", 9],
  [9, 9],
  ["SIGRTMIN", 34],
  ["RTMIN+3", 37],
  ["sigrtmin+30", 64],
  ["RTMAX", 64],
  ["RTMAX-2", 62],
  ["37", 37],
  ["IOT", 6],
] as const)("parseSignal %s", (signal, number) => {
  expect(parseSignal(signal)).toBe(number);
});

test.each(["", "FOO", "0", "65", "-1", "RTMIN+31", "RTMAX+1", "RTMIN-1", "RTMAX-31", "15x", 0, 1.5])(
  "refuses %j",
  (signal) => {
    expect(() => parseSignal(signal)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_SIGNAL_INVALID" }));
  },
);
