import { describe, expect, test } from "vitest";
import { exchanged } from "../../../../src/engine/volumes/locate.ts";
import {
  parseVolumesFrom,
  validateLocalOptions,
  validateVolumeName,
  validateVolumeRequest,
} from "../../../../src/engine/volumes/validate.ts";

describe("validateVolumeName", () => {
  test.each(["ab", "A.b-c_d", "0x", "a".repeat(255)])("takes %s", (name) => {
    expect(() => validateVolumeName(name)).not.toThrow();
  });

  test.each([
    ["a", "volume name is too short"],
    ["../x", "includes invalid characters"],
    ["a/b", "includes invalid characters"],
    [".a", "includes invalid characters"],
    ["-a", "includes invalid characters"],
    ["a".repeat(256), "includes invalid characters"],
  ])("refuses %s", (name, message) => {
    expect(() => validateVolumeName(name)).toThrow(message);
  });
});

describe("validateLocalOptions", () => {
  test.each([
    [{}, undefined],
    [{ type: "tmpfs", device: "tmpfs" }, undefined],
    [{ type: "nfs", device: ":/x", o: "addr=192.0.2.1" }, undefined],
    [{ foo: "1" }, 'invalid option: "foo"'],
    [{ toString: "1" }, 'invalid option: "toString"'],
    [{ type: "tmpfs" }, 'missing required option: "device"'],
    [{ o: "rw", device: "/x" }, 'missing required option: "type"'],
    [{ device: "/x" }, 'missing required option: "type"'],
  ])("%j", (options, message) => {
    const validate = (): void => validateLocalOptions("vol", options as Record<string, string>);
    if (message === undefined) expect(validate).not.toThrow();
    else expect(validate).toThrow(`create vol: ${message}`);
  });
});

describe("validateVolumeRequest", () => {
  const request = { type: "volume", name: "data", target: "/d", readOnly: false } as const;

  test.each(["a", "a/b", "a..b"])("takes the subpath %s", (subpath) => {
    expect(() => validateVolumeRequest({ ...request, subpath })).not.toThrow();
  });

  test.each(["", "/a", "..", "a/../../b"])("refuses the subpath %j", (subpath) => {
    expect(() => validateVolumeRequest({ ...request, subpath })).toThrow("subpath must be a relative path");
  });

  test("a volume without a name has nothing to choose a part of", () => {
    expect(() => validateVolumeRequest({ ...request, name: "", subpath: "a" })).toThrow(
      "must not set Subpath",
    );
  });
});

test.each([
  ["web", { container: "web", readOnly: false }],
  ["web:ro", { container: "web", readOnly: true }],
  ["web:rw,z", { container: "web", readOnly: false }],
])("parseVolumesFrom(%s)", (spec, expected) => {
  expect(parseVolumesFrom(spec)).toEqual(expected);
});

test.each(["", ":ro", "web:foo", "web:ro:rw"])("parseVolumesFrom refuses %j", (spec) => {
  expect(() => parseVolumesFrom(spec)).toThrow("invalid volumes-from specification");
});

describe("exchanged ids", () => {
  const mapped = (ranges: ReturnType<typeof exchanged>, id: number): number | undefined => {
    const range = ranges.find(({ containerID, size }) => id >= containerID && id < containerID + size);
    return range && range.hostID + (id - range.containerID);
  };

  test.each([
    [0, 1000],
    [1000, 0],
    [7, 8],
    [0, 0xfffffffe],
  ])("%i and %i change places, and nobody is left out", (one, other) => {
    const ranges = exchanged(one, other);
    expect([mapped(ranges, one), mapped(ranges, other)]).toEqual([other, one]);
    const others = [0, 1, 7, 8, 500, 1000, 1001, 65534, 0xfffffffe].filter(
      (id) => id !== one && id !== other,
    );
    expect(others.map((id) => mapped(ranges, id))).toEqual(others);
    expect(ranges.reduce((sum, { size }) => sum + size, 0)).toBe(0xffffffff);
  });

  test("the same id on both sides is one range", () => {
    expect(exchanged(5, 5)).toEqual([{ containerID: 0, hostID: 0, size: 0xffffffff }]);
  });
});
