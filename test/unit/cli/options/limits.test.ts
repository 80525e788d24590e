import { describe, expect, it } from "vitest";
import {
  deviceNumbers,
  parseByteRate,
  parseDevice,
  parseDeviceWeight,
  parseOperationRate,
} from "../../../../src/cli/options/device.ts";
import { type LimitFlags, resources } from "../../../../src/cli/options/resources.ts";

const MIB = 1024 * 1024;

describe("resources", () => {
  it("is nothing where nothing is limited", () => {
    expect(resources({})).toBeUndefined();
    expect(resources({ memory: 0, "pids-limit": 0 })).toBeUndefined();
  });

  it.each<[Partial<LimitFlags>, object]>([
    [{ memory: 64 * MIB }, { memory: { limit: 64 * MIB } }],
    [{ memory: 64 * MIB, "memory-swap": -1 }, { memory: { limit: 64 * MIB, swap: -1 } }],
    [
      { "memory-reservation": 8 * MIB, "oom-kill-disable": true },
      { memory: { reservation: 8 * MIB, disableOOMKiller: true } },
    ],
    [{ cpus: 500_000_000 }, { cpu: { quota: 50_000, period: 100_000 } }],
    [{ "cpu-quota": 20_000, "cpuset-cpus": "0" }, { cpu: { quota: 20_000, cpus: "0" } }],
    [{ "cpu-shares": 512, "cpuset-mems": "0" }, { cpu: { shares: 512, mems: "0" } }],
    [{ "pids-limit": 30 }, { pids: { limit: 30 } }],
    [{ "pids-limit": -5 }, { pids: { limit: -1 } }],
    [{ "blkio-weight": 300 }, { blockIO: { weight: 300 } }],
  ])("of %j", (flags, expected) => {
    expect(resources(flags)).toEqual(expected);
  });

  it.each<[Partial<LimitFlags>, string]>([
    [{ memory: MIB }, "Minimum memory limit allowed is 6MB"],
    [
      { memory: 64 * MIB, "memory-swap": 32 * MIB },
      "Minimum memoryswap limit should be larger than memory limit",
    ],
    [{ "memory-swap": 32 * MIB }, "You should always set the Memory limit when using Memoryswap limit"],
    [{ "memory-reservation": MIB }, "Minimum memory reservation allowed is 6MB"],
    [{ memory: 8 * MIB, "memory-reservation": 9 * MIB }, "can not be less than memory reservation limit"],
    [{ "memory-swappiness": 500 }, "invalid value: 500. Valid memory swappiness range is 0-100"],
    [{ cpus: 1 }, "Range of CPUs is from 0.01 to"],
    [{ cpus: 1e15 }, "Range of CPUs is from 0.01 to"],
    [{ cpus: 1e9, "cpu-period": 5000 }, "Nano CPUs and CPU Period cannot both be set"],
    [{ cpus: 1e9, "cpu-quota": 5000 }, "Nano CPUs and CPU Quota cannot both be set"],
    [{ "cpu-period": 10 }, "CPU cfs period can not be less than 1ms"],
    [{ "cpu-quota": 10 }, "CPU cfs quota can not be less than 1ms"],
    [{ "blkio-weight": 5 }, "Range of blkio weight is from 10 to 1000"],
    [
      { "device-read-bps": [{ path: "/dev/null", rate: 1 }] },
      "--device-read-bps: /dev/null is not a block device",
    ],
    [
      { "device-write-iops": [{ path: "/dev/none", rate: 1 }] },
      "--device-write-iops: no such device: /dev/none",
    ],
  ])("refuses %j", (flags, message) => {
    expect(() => resources(flags)).toThrow(message);
  });
});

describe("devices", () => {
  it.each([
    ["/dev/fuse", { host: "/dev/fuse", container: "/dev/fuse", permissions: "rwm" }],
    ["/dev/fuse:rw", { host: "/dev/fuse", container: "/dev/fuse", permissions: "rw" }],
    ["/dev/a:/dev/b", { host: "/dev/a", container: "/dev/b", permissions: "rwm" }],
    ["/dev/a:/dev/b:r", { host: "/dev/a", container: "/dev/b", permissions: "r" }],
  ])("reads --device %s", (text, expected) => {
    expect(parseDevice(text)).toEqual(expected);
  });

  it.each([
    ["/dev/a:/dev/b:x", "bad mode specified: x"],
    ["/dev/a:/dev/b:rr", "bad mode specified: rr"],
    ["/dev/a:b:c:d", "invalid device specification"],
    ["", "invalid device specification"],
    ["/dev/a:foo", "foo is not an absolute path"],
  ])("refuses --device %j", (text, message) => {
    expect(() => parseDevice(text)).toThrow(message);
  });

  it("reads rates", () => {
    expect(parseByteRate("/dev/sda:1mb")).toEqual({ path: "/dev/sda", rate: MIB });
    expect(parseOperationRate("/dev/sda:100")).toEqual({ path: "/dev/sda", rate: 100 });
    expect(parseDeviceWeight("/dev/sda:500")).toEqual({ path: "/dev/sda", weight: 500 });
  });

  it.each([
    [parseByteRate, "foo", "bad format: foo"],
    [parseByteRate, "/a:5", "bad format for device path: /a:5"],
    [
      parseByteRate,
      "/dev/a:5q",
      "invalid rate for device: /dev/a:5q. The correct format is <device-path>:<number>[<unit>]",
    ],
    [
      parseOperationRate,
      "/dev/a:-5",
      "The correct format is <device-path>:<number>. Number must be a positive integer",
    ],
    [parseDeviceWeight, "/dev/sda:5", "invalid weight for device: /dev/sda:5"],
  ])("refuses with %o the value %s", (parse, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  it("splits device numbers as glibc does", () => {
    expect(deviceNumbers(0x0801)).toEqual({ major: 8, minor: 1 });
    expect(deviceNumbers(0x10_fd_03)).toEqual({ major: 253, minor: 0x103 });
  });
});
