import { expect, test } from "vitest";
import { deviceRules } from "../../../src/oci/device-rules.ts";
import { devicePolicy, formatException } from "../../../src/runtime/cgroup/devices.ts";

const allowed = (linux: Parameters<typeof deviceRules>[0]): string[] =>
  (devicePolicy(deviceRules(linux))?.exceptions ?? []).map(formatException);

test("without rules the default devices are allowed, and nothing else", () => {
  expect(devicePolicy(deviceRules({}))?.allowByDefault).toBe(false);
  expect(allowed({})).toEqual([
    "c *:* m",
    "b *:* m",
    "c 1:3 mrw",
    "c 1:5 mrw",
    "c 1:7 mrw",
    "c 1:8 mrw",
    "c 1:9 mrw",
    "c 5:0 mrw",
    "c 136:* mrw",
    "c 5:2 mrw",
    "c 10:200 mrw",
  ]);
});

test("the configuration's own rules are asked, and its devices replace the default ones", () => {
  const kmsg = { path: "/dev/kmsg", type: "c" as const, major: 1, minor: 11 };
  const tty = { path: "/dev/tty", type: "c" as const, major: 5, minor: 0 };
  const rules = [{ allow: false }, { allow: true, type: "c", major: 1, minor: 11, access: "rw" }];
  expect(allowed({ resources: { devices: rules }, devices: [kmsg, tty] })).toEqual(
    expect.arrayContaining(["c 1:11 rw", "c 1:3 mrw"]),
  );
  expect(allowed({ resources: { devices: rules }, devices: [kmsg, tty] })).not.toContain("c 5:0 mrw");
});

test("all that is allowed stays so", () => {
  expect(
    devicePolicy(deviceRules({ resources: { devices: [{ allow: true, access: "rwm" }] } })),
  ).toBeUndefined();
});
