import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  dataFrame,
  FRAME,
  FRAME_MAX,
  frameParser,
  HEADER_SIZE,
  NO_STEP,
  numberFrame,
  STDIN_WINDOW,
} from "../../../src/runtime/frames.ts";

const header = readFileSync(
  fileURLToPath(new URL("../../../native/include/frames.h", import.meta.url)),
  "utf8",
);
const defined = (name: string): string | undefined =>
  new RegExp(`^#define ${name} (\\w+)`, "m").exec(header)?.[1];

describe("frames.h", () => {
  test("has the same frames", () => {
    const types = [...header.matchAll(/^\tFRAME_(\w+) = (\d+),/gm)].map(([, name = "", code]) => [
      name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      Number(code),
    ]);
    expect(Object.fromEntries(types)).toEqual(FRAME);
  });

  test("has the same limits", () => {
    expect(defined("FRAME_MAX")).toBe(`${FRAME_MAX}u`);
    expect(defined("STDIN_WINDOW")).toBe(`${STDIN_WINDOW}u`);
    expect(defined("NO_STEP")).toBe("UINT32_MAX");
    expect(NO_STEP).toBe(2 ** 32 - 1);
    expect(HEADER_SIZE).toBe(2 * 4);
  });
});

test("what is written is little endian: type, length, payload", () => {
  expect(numberFrame(3, 24, 300)).toEqual(Buffer.from([3, 0, 0, 0, 8, 0, 0, 0, 24, 0, 0, 0, 44, 1, 0, 0]));
  expect(numberFrame(2)).toEqual(Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]));
  expect(dataFrame(1, Buffer.from("hi"))).toEqual(Buffer.from("\x01\0\0\0\x02\0\0\0hi", "latin1"));
});

describe("frameParser", () => {
  const frames: [number, string][] = [
    [16, "out"],
    [17, ""],
    [16, "x".repeat(FRAME_MAX)],
    [20, "12345678"],
  ];
  const stream = Buffer.concat(frames.map(([type, text]) => dataFrame(type, Buffer.from(text))));

  // One byte at a time, a header cut in two, a payload cut in two, everything at once.
  test.each([1, 5, 11, 4096, stream.length])("finds the frames in chunks of %i bytes", (size) => {
    const found: [number, string][] = [];
    const parse = frameParser((type, payload) => found.push([type, payload.toString()]));
    for (let at = 0; at < stream.length; at += size) parse(stream.subarray(at, at + size));
    expect(found).toEqual(frames);
  });

  test("keeps what is incomplete to itself", () => {
    const found: number[] = [];
    const parse = frameParser((type) => found.push(type));
    parse(stream.subarray(0, HEADER_SIZE + 2));
    expect(found).toEqual([]);
    parse(stream.subarray(HEADER_SIZE + 2, HEADER_SIZE + 3));
    expect(found).toEqual([16]);
  });
});
