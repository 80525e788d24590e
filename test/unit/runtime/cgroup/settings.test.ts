import { describe, expect, test } from "vitest";
import { checkCpuset } from "../../../../src/runtime/cgroup/cpuset.ts";
import type { Setting } from "../../../../src/runtime/cgroup/setting.ts";
import { settingsV1 } from "../../../../src/runtime/cgroup/settings-v1.ts";
import { settingsV2, sharesToWeight } from "../../../../src/runtime/cgroup/settings-v2.ts";
import type { OciResources } from "../../../../src/runtime/oci.ts";

const MIB = 1024 * 1024;

/** "file=value" in the order in which they are written. */
const files = (settings: Setting[]): string[] =>
  settings.flatMap((setting) => Object.entries(setting.files).map(([file, value]) => `${file}=${value}`));

const both = (resources: OciResources, isNew = true) => ({
  v1: files(settingsV1(resources, isNew)),
  v2: files(settingsV2(resources, isNew)),
});

describe("memory", () => {
  test.each<[string, OciResources["memory"], string[], string[]]>([
    [
      "alone brings as much swap",
      { limit: 64 * MIB },
      ["memory.limit_in_bytes=67108864", "memory.memsw.limit_in_bytes=134217728"],
      ["memory.max=67108864", "memory.swap.max=67108864"],
    ],
    [
      "equal to memory plus swap: no swap",
      { limit: 64 * MIB, swap: 64 * MIB },
      ["memory.limit_in_bytes=67108864", "memory.memsw.limit_in_bytes=67108864"],
      ["memory.max=67108864", "memory.swap.max=0"],
    ],
    [
      "with unlimited swap",
      { limit: 64 * MIB, swap: -1 },
      ["memory.limit_in_bytes=67108864", "memory.memsw.limit_in_bytes=-1"],
      ["memory.max=67108864", "memory.swap.max=max"],
    ],
    [
      "unlimited",
      { limit: -1 },
      ["memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"],
      ["memory.max=max", "memory.swap.max=max"],
    ],
    ["zero is not set", { limit: 0, swap: 0, reservation: 0 }, [], []],
    ["a reservation", { reservation: MIB }, ["memory.soft_limit_in_bytes=1048576"], ["memory.low=1048576"]],
  ])("%s", (_, memory = {}, v1, v2) => expect(both({ memory })).toEqual({ v1, v2 }));

  test("an update leaves the swap that is not named alone", () => {
    expect(both({ memory: { limit: MIB } }, false)).toEqual({
      v1: ["memory.limit_in_bytes=1048576"],
      v2: ["memory.max=1048576"],
    });
  });

  test("only a swap limit that was asked for must be applied", () => {
    const swap = (memory: OciResources["memory"] = {}) => settingsV2({ memory }, true)[1]?.implied;
    expect(swap({ limit: MIB })).toBe(true);
    expect(swap({ limit: MIB, swap: MIB })).toBe(false);
  });

  test.each<[string, OciResources["memory"], RegExp]>([
    [
      "less swap than memory",
      { limit: 2 * MIB, swap: MIB },
      /--memory-swap 1048576 is less than --memory 2097152/,
    ],
    ["swap without memory", { swap: MIB }, /--memory-swap needs --memory/],
    ["a reservation above the limit", { limit: MIB, reservation: 2 * MIB }, /--memory-reservation/],
  ])("%s is refused", (_, memory = {}, message) => {
    for (const settings of [settingsV1, settingsV2]) {
      expect(() => settings({ memory }, true)).toThrow(
        expect.objectContaining({
          code: "ERR_TSRUN_CGROUP_LIMIT_INVALID",
          message: expect.stringMatching(message),
        }),
      );
    }
  });

  test("v2 refuses what only v1 can do, instead of dropping it", () => {
    for (const memory of [{ swappiness: 10 }, { disableOOMKiller: true }]) {
      expect(files(settingsV1({ memory }, true))).toHaveLength(1);
      expect(() => settingsV2({ memory }, true)).toThrow(
        expect.objectContaining({ code: "ERR_TSRUN_CGROUP_LIMIT_UNSUPPORTED" }),
      );
    }
    expect(settingsV2({ memory: { swappiness: -1, disableOOMKiller: false } }, true)).toEqual([]);
  });
});

describe("cpu", () => {
  test.each([
    [0, 1],
    [2, 1],
    [1024, 100],
    [512, 59],
    [3333, 256],
    [262144, 10000],
    [999999, 10000],
  ])("%i shares are the weight %i", (shares, weight) => expect(sharesToWeight(shares)).toBe(weight));

  test("the period is written before the quota that is judged against it", () => {
    expect(both({ cpu: { quota: 50_000, period: 100_000, shares: 1024 } })).toEqual({
      v1: ["cpu.shares=1024", "cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000"],
      v2: ["cpu.weight=100", "cpu.max=50000 100000"],
    });
    expect(both({ cpu: { quota: -1 } }).v2).toEqual(["cpu.max=max"]);
  });

  test("cpusets are within what the host has", () => {
    const available = (which: "cpus" | "mems") => (which === "cpus" ? "0-3,8" : "0");
    checkCpuset({ cpus: "1-2,8", mems: "0" }, available);
    checkCpuset({ cpus: "77" }, () => undefined);
    for (const cpu of [{ cpus: "3-4" }, { cpus: "one" }, { cpus: "2-1" }, { mems: "1" }]) {
      expect(() => checkCpuset(cpu, available)).toThrow(
        expect.objectContaining({ code: "ERR_TSRUN_CGROUP_LIMIT_INVALID" }),
      );
    }
  });
});

describe("processes and block devices", () => {
  test("no limit of processes is max", () => {
    expect(both({ pids: { limit: 30 } })).toEqual({ v1: ["pids.max=30"], v2: ["pids.max=30"] });
    expect(both({ pids: { limit: -1 } })).toEqual({ v1: ["pids.max=max"], v2: ["pids.max=max"] });
  });

  test("weights go to whichever file the kernel has", () => {
    const blockIO = { weight: 500, weightDevice: [{ major: 8, minor: 0, weight: 10 }] };
    expect(both({ blockIO })).toEqual({
      v1: [
        "blkio.weight=500",
        "blkio.bfq.weight=500",
        "blkio.weight_device=8:0 10",
        "blkio.bfq.weight_device=8:0 10",
      ],
      v2: ["io.bfq.weight=500", "io.weight=4950", "io.bfq.weight=8:0 10", "io.weight=8:0 1"],
    });
  });

  test("rates are for one device each", () => {
    const device = (rate: number) => [{ major: 8, minor: 16, rate }];
    const blockIO = {
      throttleReadBpsDevice: device(1),
      throttleWriteBpsDevice: device(2),
      throttleReadIOPSDevice: device(3),
      throttleWriteIOPSDevice: device(0),
    };
    expect(both({ blockIO })).toEqual({
      v1: [
        "blkio.throttle.read_bps_device=8:16 1",
        "blkio.throttle.write_bps_device=8:16 2",
        "blkio.throttle.read_iops_device=8:16 3",
        "blkio.throttle.write_iops_device=8:16 0",
      ],
      v2: ["io.max=8:16 rbps=1", "io.max=8:16 wbps=2", "io.max=8:16 riops=3", "io.max=8:16 wiops=max"],
    });
  });
});

describe("in the words of an OCI configuration", () => {
  const oci = (resources: OciResources, isNew = true) => ({
    v1: files(settingsV1(resources, isNew, "oci")),
    v2: files(settingsV2(resources, isNew, "oci")),
  });

  test("memory alone says nothing about swap, except that none of it is limited", () => {
    expect(oci({ memory: { limit: MIB } })).toEqual({
      v1: ["memory.limit_in_bytes=1048576"],
      v2: ["memory.max=1048576"],
    });
    expect(oci({ memory: { limit: -1, swap: 0 } }, false)).toEqual({
      v1: ["memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"],
      v2: ["memory.max=max", "memory.swap.max=max"],
    });
    expect(oci({ memory: { limit: -1, swap: MIB } }).v2).toEqual([
      "memory.max=max",
      "memory.swap.max=1048576",
    ]);
  });

  test("the reservation may be above the limit, as in the specification's example", () => {
    expect(oci({ memory: { limit: 100000, reservation: 200000 } }).v1).toEqual([
      "memory.limit_in_bytes=100000",
      "memory.soft_limit_in_bytes=200000",
    ]);
  });

  test("no processes are one, fewer are no limit", () => {
    expect(oci({ pids: { limit: 0 } }).v2).toEqual(["pids.max=1"]);
    expect(oci({ pids: { limit: -1 } }).v1).toEqual(["pids.max=max"]);
    expect(oci({ pids: {} }).v1).toEqual([]);
  });

  test("without swap accounting there is no swap to be limited", () => {
    const swap = (memory: OciResources["memory"] = {}) => settingsV2({ memory }, true, "oci").at(-1)?.implied;
    expect(swap({ limit: MIB, swap: MIB })).toBe(true);
    expect(swap({ limit: MIB, swap: -1 })).toBe(true);
    expect(swap({ limit: MIB, swap: 2 * MIB })).toBe(false);
  });

  test("burst, idle and realtime", () => {
    const cpu = { quota: 50_000, burst: 0, idle: 1 };
    expect(oci({ cpu })).toEqual({
      v1: ["cpu.cfs_quota_us=50000", "cpu.cfs_burst_us=0", "cpu.idle=1"],
      v2: ["cpu.max=50000", "cpu.max.burst=0", "cpu.idle=1"],
    });
    expect(files(settingsV1({ cpu: { realtimePeriod: 9, realtimeRuntime: 5 } }, true, "oci"))).toEqual([
      "cpu.rt_period_us=9",
      "cpu.rt_runtime_us=5",
    ]);
  });

  test("huge pages, where they are reserved too", () => {
    const hugepageLimits = [{ pageSize: "2MB", limit: 4194304 }];
    expect(oci({ hugepageLimits })).toEqual({
      v1: ["hugetlb.2MB.limit_in_bytes=4194304", "hugetlb.2MB.rsvd.limit_in_bytes=4194304"],
      v2: ["hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304"],
    });
    expect(settingsV2({ hugepageLimits }, true).map(({ implied }) => implied === true)).toEqual([
      false,
      true,
    ]);
  });

  test("rdma, by device", () => {
    const rdma = { mlx5_1: { hcaHandles: 3, hcaObjects: 10000 }, rxe3: { hcaObjects: 7 } };
    const expected = ["rdma.max=mlx5_1 hca_handle=3 hca_object=10000", "rdma.max=rxe3 hca_object=7"];
    expect(oci({ rdma })).toEqual({ v1: expected, v2: expected });
  });

  test("what only v1 has is written there", () => {
    const network = { classID: 1048577, priorities: [{ name: "eth0", priority: 500 }] };
    const blockIO = { leafWeight: 10, weightDevice: [{ major: 8, minor: 0, leafWeight: 300 }] };
    expect(files(settingsV1({ network, blockIO, memory: { useHierarchy: true } }, true, "oci"))).toEqual([
      "memory.use_hierarchy=1",
      "blkio.leaf_weight=10",
      "blkio.leaf_weight_device=8:0 300",
      "net_cls.classid=1048577",
      "net_prio.ifpriomap=eth0 500",
    ]);
  });

  test.each<[string, OciResources]>([
    ["linux.resources.network.classID", { network: { classID: 1 } }],
    ["linux.resources.network.priorities", { network: { priorities: [{ name: "lo", priority: 1 }] } }],
    ["linux.resources.cpu.realtimeRuntime", { cpu: { realtimeRuntime: 1 } }],
    ["linux.resources.blockIO.leafWeight", { blockIO: { leafWeight: 1 } }],
    ["linux.resources.memory.swappiness", { memory: { swappiness: 1 } }],
    ["linux.resources.memory.useHierarchy", { memory: { useHierarchy: false } }],
  ])("v2 refuses %s by name", (field, resources) => {
    expect(() => settingsV2(resources, true, "oci")).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_CGROUP_LIMIT_UNSUPPORTED",
        message: expect.stringContaining(field),
      }),
    );
  });

  test("unified names v2's files, after all other limits", () => {
    const unified = { "memory.max": "41943040", "io.max": "8:0 riops=3\n8:16 wiops=4", "cgroup.freeze": "0" };
    const settings = settingsV2({ unified, memory: { limit: MIB } }, true, "oci");
    expect(files(settings)).toEqual([
      "memory.max=1048576",
      "memory.max=41943040",
      "io.max=8:0 riops=3\n8:16 wiops=4",
      "cgroup.freeze=0",
    ]);
    expect(settings.map(({ controller }) => controller)).toEqual(["memory", "memory", "io", "cgroup"]);
    for (const name of ["memory/max", "../memory.max", "memory", ".max"])
      expect(() => settingsV2({ unified: { [name]: "1" } }, true, "oci")).toThrow(
        expect.objectContaining({ code: "ERR_TSRUN_CGROUP_LIMIT_INVALID" }),
      );
    expect(() => settingsV1({ unified }, true, "oci")).toThrow(/invalid configuration/);
    expect(settingsV1({ unified: {} }, true, "oci")).toEqual([]);
  });

  test("messages name the field", () => {
    expect(settingsV1({ memory: { limit: MIB } }, true, "oci")[0]?.option).toBe(
      "linux.resources.memory.limit",
    );
    expect(() => settingsV2({ memory: { swap: MIB } }, true, "oci")).toThrow(
      /linux\.resources\.memory\.swap needs linux\.resources\.memory\.limit/,
    );
  });
});
