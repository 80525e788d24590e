import { createHash } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { sha256 } from "../../../src/kernel/sha256.ts";

const expected = (data: Uint8Array | string) => createHash("sha256").update(data).digest("hex");
const CASES: (Uint8Array | string)[] = [
  "",
  "abc",
  "größer 🐳 \ud800",
  Buffer.alloc(0),
  Buffer.from("abc"),
  Buffer.from("some of a memory").subarray(5, 9),
  new Uint8Array(1_000_003).fill(7),
];

afterEach(() => {
  vi.doUnmock("../../../src/kernel/ffi.ts");
  vi.resetModules();
});

test.each(CASES)("of %#", (data) => {
  expect(sha256(data)).toBe(expected(data));
});

test.each([
  [
    "is not there",
    () => {
      throw new Error("no such function");
    },
  ],
  ["refuses", () => null],
])("by node:crypto where node's OpenSSL %s", async (_, call) => {
  vi.resetModules();
  vi.doMock("../../../src/kernel/ffi.ts", () => ({ declare: () => call }));
  const { sha256: other } = await import("../../../src/kernel/sha256.ts");
  expect(CASES.map(other)).toEqual(CASES.map(expected));
});
