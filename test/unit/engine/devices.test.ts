import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { allHostDevices, defaultDevices, deviceRules, resolveDevices } from "../../../src/engine/devices.ts";
import { deviceNumber } from "../../../src/kernel/device-number.ts";

const request = (host: string, container = host, permissions = "rwm") => ({ host, container, permissions });

describe("resolveDevices", () => {
  test("a device node of the host under another name", () => {
    expect(resolveDevices([request("/dev/null", "/dev/nothing", "r")])).toEqual([
      {
        node: { type: "c", path: "/dev/nothing", major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 },
        permissions: "r",
      },
    ]);
  });

  test("a directory gives the devices in it; files and links in it are left out", () => {
    const directory = mkdtempSync(join(tmpdir(), "tsrun-devices-"));
    try {
      writeFileSync(join(directory, "file"), "");
      symlinkSync("/dev/zero", join(directory, "link"));
      expect(resolveDevices([request(directory, "/dev/x")])).toEqual([]);
      expect(resolveDevices([request(join(directory, "link"), "/dev/x")])).toMatchObject([
        { node: { major: 1, minor: 5 } },
      ]);
      expect(() => resolveDevices([request(join(directory, "file"))])).toThrow("not a device node");
    } finally {
      rmSync(directory, { recursive: true });
    }
    const below = resolveDevices([request("/dev", "/host")]).map(({ node }) => node.path);
    expect(below).toContain("/host/null");
    expect(below.filter((path) => /^\/host\/(pts|shm|mqueue|fd)\//.test(path))).toEqual([]);
  });

  test.each([
    [
      request("/dev/nope"),
      'error gathering device information while adding custom device "/dev/nope": no such file or directory',
    ],
    [request("/dev/null", "/dev/null", "rx"), "invalid device mode: rx"],
    [request("/dev/null", "/dev/null", "rr"), "invalid device mode: rr"],
    [request("/dev/null", "dev/null"), "'dev/null' is not an absolute path"],
  ])("refuses %j", (asked, message) => {
    expect(() => resolveDevices([asked])).toThrow(message);
  });
});

test("--privileged: every device, but the container's own ptmx and console", () => {
  const paths = allHostDevices().map(({ node }) => node.path);
  expect(paths).toContain("/dev/null");
  expect(paths).not.toContain("/dev/ptmx");
  expect(paths).not.toContain("/dev/console");
});

describe("deviceRules", () => {
  test("deny all, then what every container needs, then the grants", () => {
    const rules = deviceRules(resolveDevices([request("/dev/zero", "/dev/z", "rw")]), { privileged: false });
    expect(rules[0]).toEqual({ allow: false, access: "rwm" });
    expect(rules.slice(1).every((rule) => rule.allow)).toBe(true);
    for (const { major, minor } of defaultDevices()) {
      expect(rules).toContainEqual({ allow: true, type: "c", major, minor, access: "rwm" });
    }
    expect(rules).toContainEqual({ allow: true, type: "c", major: 136, access: "rwm" });
    expect(rules.at(-1)).toEqual({ allow: true, type: "c", major: 1, minor: 5, access: "rw" });
  });
  test("nothing is refused to a privileged container", () => {
    expect(deviceRules([], { privileged: true })).toEqual([{ allow: true, access: "rwm" }]);
  });
});

test.each([
  [0x103, 1, 3],
  [0x8800, 136, 0],
  [0x100800, 8, 256],
  [0xffffffff, 0xfff, 0xfffff],
])("deviceNumber %d", (rdev, major, minor) => {
  expect(deviceNumber(rdev)).toEqual({ major, minor });
});
