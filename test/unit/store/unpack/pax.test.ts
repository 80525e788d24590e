import { describe, expect, test } from "vitest";
import { parsePax, paxInteger, paxText, paxTime, paxXattrs } from "../../../../src/store/unpack/pax.ts";

test("values may hold newlines and equals signs", () => {
  const pax = parsePax("12 path=a\nb\n12 comm=b=c\n");
  expect(paxText(pax, "path")).toBe("a\nb");
  expect(paxText(pax, "comm")).toBe("b=c");
});

test("extended attributes are bytes", () => {
  const value = "\0\n\u00ff=";
  const body = `SCHILY.xattr.security.capability=${value}\n`;
  const pax = parsePax(`${body.length + 3} ${body}`);
  expect(paxXattrs(pax)).toEqual(new Map([["security.capability", Buffer.from([0, 10, 255, 61])]]));
  expect(paxXattrs(parsePax("6 a=b\n"))).toBeUndefined();
});

describe("times", () => {
  test.each([
    ["1350244992.023960108", { seconds: 1350244992, nanoseconds: 23960108 }],
    ["1350244992", { seconds: 1350244992, nanoseconds: 0 }],
    ["1.5", { seconds: 1, nanoseconds: 500000000 }],
    ["1.0000000019", { seconds: 1, nanoseconds: 1 }],
    ["-1.25", { seconds: -2, nanoseconds: 750000000 }],
    ["-3", { seconds: -3, nanoseconds: 0 }],
  ])("%s", (value, time) => {
    const body = `mtime=${value}\n`;
    const length = body.length + 3;
    expect(paxTime(parsePax(`${length} ${body}`), "mtime")).toEqual(time);
  });

  test("what is none is refused", () => {
    expect(() => paxTime(parsePax("13 mtime=1e9\n"), "mtime")).toThrow(/mtime is not a time/);
  });
});

test("an empty value takes a record back", () => {
  const pax = parsePax("7 uid=\n");
  expect(paxInteger(pax, "uid")).toBeUndefined();
});

test.each(["5 a=b\n", "7 a=b\n", "a=b\n", "6 a:b\n", "99 a=b\n", "6 a=bX", "0 a=b\n", "-6 a=b\n"])(
  "%j is malformed",
  (body) => {
    expect(() => parsePax(body)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_LAYER_CORRUPT" }));
  },
);
