import { describe, expect, it } from "vitest";
import { createDetachFilter, parseDetachKeys } from "../../../src/cli/detach-keys.ts";

describe("parseDetachKeys", () => {
  it.each([
    ["ctrl-p,ctrl-q", [16, 17]],
    ["ctrl-@,ctrl-[,ctrl-_", [0, 27, 31]],
    ["a,b", [97, 98]],
    ["CTRL-C", [3]],
    ["", []],
  ])("reads %j", (text, bytes) => {
    expect([...parseDetachKeys(text)]).toEqual(bytes);
  });

  it.each(["foo", "ctrl-", "ctrl-1", "a,,b", "é"])("refuses %j", (text) => {
    expect(() => parseDetachKeys(text)).toThrow("Unknown character");
  });
});

describe("createDetachFilter", () => {
  const feedAll = (keys: string, ...chunks: string[]) => {
    const filter = createDetachFilter(parseDetachKeys(keys));
    let passed = "";
    let detached = false;
    for (const chunk of chunks) {
      const result = filter.feed(Buffer.from(chunk));
      passed += Buffer.from(result.pass).toString();
      detached ||= result.detached;
    }
    return { passed, detached };
  };

  it("passes other input untouched", () => {
    const input = Buffer.from("ls\n");
    expect(createDetachFilter(parseDetachKeys("ctrl-p,ctrl-q")).feed(input).pass).toBe(input);
  });

  it.each([
    ["in one chunk", ["ab\x10\x11cd"], "ab"],
    ["across chunks", ["ab\x10", "\x11"], "ab"],
    ["after a repeated first key", ["\x10\x10\x11"], "\x10"],
  ])("finds the sequence %s", (_, chunks, passed) => {
    expect(feedAll("ctrl-p,ctrl-q", ...chunks)).toEqual({ passed, detached: true });
  });

  it("passes on a sequence that was begun and not finished", () => {
    expect(feedAll("ctrl-p,ctrl-q", "\x10", "x\x10y")).toEqual({ passed: "\x10x\x10y", detached: false });
  });

  it("starts again inside of a failed attempt", () => {
    expect(feedAll("a,a,b", "aaab")).toEqual({ passed: "a", detached: true });
  });

  it("lets everything pass where there is no sequence", () => {
    expect(feedAll("", "\x10\x11")).toEqual({ passed: "\x10\x11", detached: false });
  });
});
