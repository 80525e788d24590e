import { describe, expect, test } from "vitest";
import { formatPlatform, hostPlatform, parsePlatform, rank, runnable } from "../../../src/image/platform.ts";

test.each([
  ["linux/amd64", "linux/amd64"],
  ["linux/x86_64", "linux/amd64"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/arm/7", "linux/arm/v7"],
  ["linux/armel", "linux/arm/v6"],
  ["armhf", "linux/arm/v7"],
  ["i386", "linux/386"],
  ["s390x", "linux/s390x"],
  ["Linux/AMD64/v3", "linux/amd64/v3"],
])("%s is %s", (text, normal) => {
  expect(formatPlatform(parsePlatform(text))).toBe(normal);
});

test.each(["", "nonsense", "linux//v7", "a/b/c/d", "linux/am d64"])("refuses %j", (text) => {
  expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_PLATFORM_INVALID" }));
});

test("the host is what Node was built for", () => {
  expect(formatPlatform(hostPlatform("x64"))).toBe("linux/amd64");
  expect(formatPlatform(hostPlatform("arm64"))).toBe("linux/arm64");
  expect(formatPlatform(hostPlatform("arm"))).toBe("linux/arm/v7");
  expect(formatPlatform(hostPlatform("ppc64"))).toBe("linux/ppc64le");
});

describe("what runs where, best first", () => {
  test.each([
    ["linux/amd64", ["linux/amd64", "linux/386"]],
    ["linux/amd64/v3", ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]],
    ["linux/arm/v7", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]],
    ["linux/arm64", ["linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]],
    ["linux/s390x", ["linux/s390x"]],
  ])("%s", (host, expected) => {
    expect(runnable(parsePlatform(host)).map(formatPlatform)).toEqual(expected);
  });

  test("rank orders and excludes", () => {
    const arm = parsePlatform("linux/arm/v7");
    expect(rank(arm, parsePlatform("linux/arm/v6"))).toBe(1);
    expect(rank(arm, parsePlatform("linux/arm64"))).toBe(-1);
    expect(rank(arm, { os: "windows", architecture: "arm", variant: "v7" })).toBe(-1);
  });
});
