/**
 * The conformance suite of cgroup drivers: the same assertions for each driver that this host can run. A hybrid host
 * runs v1, and v2 without controllers on the cgroup2 mount beside it; scripts/vm gives v2 with all controllers.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { isCgroup2, readControl } from "../../src/kernel/cgroupfs.ts";
import { cgroupDriverAt, detectCgroupDriver } from "../../src/runtime/cgroup/detect.ts";
import type { Cgroup, CgroupDriver } from "../../src/runtime/cgroup/driver.ts";
import { type Hierarchies, parseHierarchies } from "../../src/runtime/cgroup/hierarchies-v1.ts";
import { createV1Driver } from "../../src/runtime/cgroup/v1.ts";
import type { OciResources } from "../../src/runtime/oci.ts";

const MIB = 1024 * 1024;
const parent = `/tsrun-test-${process.pid}`;
const unified = "/sys/fs/cgroup/unified";

const host = detectCgroupDriver();
const drivers: { name: string; driver: CgroupDriver; hasControllers: boolean }[] = [
  { name: `v${host.version}`, driver: host, hasControllers: true },
];
if (host.version === 1 && isCgroup2(unified)) {
  const driver = cgroupDriverAt(unified);
  drivers.push({ name: "v2 without controllers", driver, hasControllers: false });
}

const made: Cgroup[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill("SIGKILL");
  for (const cgroup of made.splice(0).reverse()) {
    cgroup.kill();
    await cgroup.remove();
  }
  for (const { driver } of drivers) await driver.open(parent).remove();
});

let count = 0;
function create(driver: CgroupDriver, resources: OciResources = {}, path = `${parent}/${++count}`): Cgroup {
  const cgroup = driver.create(path, resources);
  made.push(cgroup);
  return cgroup;
}

/** Starts a shell script inside the cgroup. */
function start(cgroup: Cgroup, script: string): ChildProcess {
  const files = cgroup.cloneInto === undefined ? cgroup.procsFiles : [`${cgroup.cloneInto}/cgroup.procs`];
  const join = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 99; shift; done; ';
  const child = spawn("sh", ["-c", join + script, "sh", ...files, "--"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

async function run(cgroup: Cgroup, script: string): Promise<{ code: number; output: string }> {
  const child = start(cgroup, script);
  let output = "";
  child.stdout?.on("data", (chunk) => (output += chunk));
  child.stderr?.on("data", (chunk) => (output += chunk));
  const [code, signal] = await once(child, "close");
  return { code: code ?? (signal === "SIGKILL" ? 137 : -1), output };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still not so after 20 s: ${condition}`);
    await sleep(5);
  }
}

/** A control file of the cgroup, found in whichever hierarchy has it. */
function control(cgroup: Cgroup, byVersion: { v1: string; v2: string }): string {
  const name = cgroup.version === 1 ? byVersion.v1 : byVersion.v2;
  const directory = cgroup.directories.find((each) => existsSync(`${each}/${name}`));
  if (directory === undefined) throw new Error(`no ${name} in ${cgroup.directories.join(" ")}`);
  return readControl(`${directory}/${name}`);
}

function caught(action: () => unknown): { code?: string; message?: string; hint?: string } {
  try {
    action();
  } catch (error) {
    return error as { code: string; message: string; hint: string };
  }
  throw new Error("nothing was thrown");
}

describe.each(drivers)("cgroup $name", ({ driver }) => {
  test("processes join, are listed, and are killed with all their children", async () => {
    const cgroup = create(driver);
    const child = start(cgroup, "sleep 1000 & sleep 1000 & wait");
    await until(() => cgroup.pids().length === 3);
    expect(cgroup.pids()).toContain(child.pid);
    cgroup.kill();
    const [, signal] = await once(child, "exit");
    expect(signal).toBe("SIGKILL");
    await until(() => cgroup.pids().length === 0);
  });

  test("a cgroup inside is listed, killed and removed with it", async () => {
    const cgroup = create(driver);
    const inner = driver.create(`${cgroup.path}/inner`, {});
    const child = start(inner, "exec sleep 1000");
    await until(() => inner.pids().length === 1);
    expect(cgroup.pids()).toEqual([child.pid]);
    cgroup.kill();
    await cgroup.remove();
    expect(inner.directories.filter((each) => existsSync(each))).toEqual([]);
  });

  test("frozen processes do not run, thawed ones do, and frozen ones can be killed", async () => {
    const cgroup = create(driver);
    const child = start(cgroup, "while :; do echo x; done");
    let lines = 0;
    child.stdout?.on("data", (chunk) => (lines += chunk.length));
    await until(() => lines > 0);
    const { file, thawed } = cgroup.freezer ?? { file: "", thawed: "" };
    expect(readFileSync(file, "utf8").startsWith(thawed)).toBe(true);
    expect(cgroup.frozen()).toBe(false);
    await cgroup.freeze();
    expect(cgroup.frozen()).toBe(true);
    expect(readFileSync(file, "utf8").startsWith(thawed)).toBe(false);
    // What it had written before is still on its way to us.
    let frozenAt: number;
    do {
      frozenAt = lines;
      await sleep(100);
    } while (lines !== frozenAt);
    await sleep(100);
    expect(lines).toBe(frozenAt);
    await cgroup.thaw();
    expect(cgroup.frozen()).toBe(false);
    await until(() => lines > frozenAt);
    await cgroup.freeze();
    cgroup.kill();
    await once(child, "exit");
  });

  test("remove waits for the dying, refuses the living and does not mind the gone", async () => {
    const cgroup = create(driver);
    const child = start(cgroup, "exec sleep 1000");
    await until(() => cgroup.pids().length === 1);
    await expect(cgroup.remove()).rejects.toMatchObject({ code: "ERR_TSRUN_CGROUP_BUSY" });
    child.kill("SIGKILL");
    await cgroup.remove();
    await cgroup.remove();
    expect(cgroup.directories.filter((each) => existsSync(each))).toEqual([]);
    expect(cgroup.pids()).toEqual([]);
    expect(cgroup.frozen()).toBe(false);
    cgroup.kill();
  });

  test("an empty leftover of the same name is replaced, one with processes is not", async () => {
    const cgroup = create(driver);
    driver.create(cgroup.path, {});
    start(cgroup, "exec sleep 1000");
    await until(() => cgroup.pids().length === 1);
    expect(caught(() => driver.create(cgroup.path, {}))).toMatchObject({ code: "ERR_TSRUN_CGROUP_CREATE" });
    expect(cgroup.pids()).toHaveLength(1);
  });

  test("open finds what create made", () => {
    const cgroup = create(driver);
    expect(driver.open(cgroup.path).directories).toEqual(cgroup.directories);
  });

  test("only the allowed devices can be used", async () => {
    const cgroup = create(driver, {
      devices: [
        { allow: false, access: "rwm" },
        { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
        { allow: true, type: "c", major: 1, minor: 7, access: "r" },
        { allow: true, type: "c", major: 1, minor: 9, access: "rwm" },
      ],
    });
    expect((await run(cgroup, "echo x > /dev/null && head -c 1 /dev/urandom")).code).toBe(0);
    expect((await run(cgroup, "head -c 1 /dev/full")).code).toBe(0);
    expect(await run(cgroup, "echo x > /dev/full")).toMatchObject({
      output: expect.stringMatching(/not permitted/),
    });
    expect(await run(cgroup, "head -c 1 /dev/zero")).toMatchObject({
      output: expect.stringMatching(/not permitted/),
    });
    cgroup.update({
      devices: [{ allow: false }, { allow: true, type: "c", major: 1, minor: 5, access: "rwm" }],
    });
    expect((await run(cgroup, "head -c 1 /dev/zero")).code).toBe(0);
    expect(await run(cgroup, "head -c 1 /dev/urandom")).toMatchObject({
      output: expect.stringMatching(/not permitted/),
    });
  });

  test("allowing everything but one device", async () => {
    const cgroup = create(driver, {
      devices: [{ allow: true }, { allow: false, type: "c", major: 1, minor: 5, access: "r" }],
    });
    expect(await run(cgroup, "head -c 1 /dev/zero")).toMatchObject({
      output: expect.stringMatching(/not permitted/),
    });
    expect((await run(cgroup, "echo x > /dev/zero && head -c 1 /dev/urandom")).code).toBe(0);
  });
});

describe.each(drivers.filter(({ hasControllers }) => hasControllers))(
  "limits of cgroup $name",
  ({ driver }) => {
    test("are in the kernel's files as they were asked for", () => {
      const cgroup = create(driver, {
        memory: { limit: 64 * MIB, reservation: 32 * MIB },
        cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: "0", mems: "0" },
        pids: { limit: 30 },
      });
      expect(control(cgroup, { v1: "memory.limit_in_bytes", v2: "memory.max" })).toBe(String(64 * MIB));
      expect(control(cgroup, { v1: "memory.soft_limit_in_bytes", v2: "memory.low" })).toBe(String(32 * MIB));
      expect(control(cgroup, { v1: "cpu.shares", v2: "cpu.weight" })).toBe(
        driver.version === 1 ? "512" : "59",
      );
      const quota = driver.version === 1 ? "50000" : "50000 100000";
      expect(control(cgroup, { v1: "cpu.cfs_quota_us", v2: "cpu.max" })).toBe(quota);
      expect(control(cgroup, { v1: "cpuset.cpus", v2: "cpuset.cpus" })).toBe("0");
      expect(control(cgroup, { v1: "pids.max", v2: "pids.max" })).toBe("30");
      // As much swap as memory is docker's default.
      const swap = driver.version === 1 ? 128 * MIB : 64 * MIB;
      expect(control(cgroup, { v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" })).toBe(
        String(swap),
      );
    });

    test("swap is what is left of memory plus swap", () => {
      const none = create(driver, { memory: { limit: 64 * MIB, swap: 64 * MIB } });
      const noSwap = driver.version === 1 ? String(64 * MIB) : "0";
      expect(control(none, { v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" })).toBe(noSwap);
      const all = create(driver, { memory: { limit: 64 * MIB, swap: -1 } });
      const unlimited = control(all, { v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" });
      expect(unlimited).toBe(driver.version === 1 ? "9223372036854771712" : "max");
    });

    test("contradictions are refused and leave nothing behind", () => {
      const path = `${parent}/refused`;
      const refused: [OciResources, string, RegExp][] = [
        [{ memory: { limit: 64 * MIB, swap: 32 * MIB } }, "ERR_TSRUN_CGROUP_LIMIT_INVALID", /--memory-swap/],
        [{ memory: { swap: 32 * MIB } }, "ERR_TSRUN_CGROUP_LIMIT_INVALID", /needs --memory/],
        [{ cpu: { cpus: "0-4096" } }, "ERR_TSRUN_CGROUP_LIMIT_INVALID", /--cpuset-cpus/],
        [{ cpu: { quota: 1 } }, "ERR_TSRUN_CGROUP_LIMIT_REFUSED", /--cpus/],
        [
          { blockIO: { throttleReadBpsDevice: [{ major: 4095, minor: 7, rate: MIB }] } },
          "ERR_TSRUN_CGROUP_LIMIT_REFUSED",
          /--device-read-bps.*4095:7/,
        ],
      ];
      for (const [resources, code, message] of refused) {
        const error = caught(() => driver.create(path, resources));
        expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
        expect(error.hint).toBeTruthy();
        expect(driver.open(path).directories.filter((each) => existsSync(each))).toEqual([]);
      }
    });

    test("the process limit stops forks", async () => {
      const cgroup = create(driver, { pids: { limit: 5 } });
      const { output } = await run(cgroup, "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait");
      expect(output).toMatch(/fork/i);
      expect(cgroup.stats().pidsLimit).toBe(5);
    });

    test("a process that takes more memory than it may is killed, and counted", async () => {
      const cgroup = create(driver, { memory: { limit: 16 * MIB, swap: 16 * MIB } });
      const counter = cgroup.oomCounter;
      if (counter === undefined) throw new Error("no OOM counter");
      const kills = () =>
        Number(new RegExp(`^${counter.key} (\\d+)`, "m").exec(readFileSync(counter.file, "utf8"))?.[1]);
      expect(kills()).toBe(0);
      const { code } = await run(cgroup, "head -c 100000000 /dev/zero | tail -c 90000000 > /dev/null");
      expect(code).toBe(137);
      expect(kills()).toBeGreaterThan(0);
      expect(cgroup.stats().oomKills).toBe(kills());
    });

    test("statistics count what the processes use", async () => {
      const cgroup = create(driver, { memory: { limit: 64 * MIB } });
      start(cgroup, "while :; do :; done");
      await until(() => (cgroup.stats().cpuNanoseconds ?? 0) > 10_000_000);
      const stats = cgroup.stats();
      expect(stats.pids).toBe(1);
      expect(stats.memoryBytes).toBeGreaterThan(0);
      expect(stats.memoryInactiveFileBytes).toBeGreaterThanOrEqual(0);
      expect(stats.memoryLimitBytes).toBe(64 * MIB);
      expect(stats.pidsLimit).toBeUndefined();
      expect(stats.blockReadBytes).toBeGreaterThanOrEqual(0);
      expect(stats.blockWriteBytes).toBeGreaterThanOrEqual(0);
      expect(stats.oomKills).toBe(0);
    });

    test("limits change while it runs", () => {
      const cgroup = create(driver, { memory: { limit: 32 * MIB, swap: 32 * MIB }, pids: { limit: 10 } });
      cgroup.update({ memory: { limit: 64 * MIB, swap: 96 * MIB }, pids: { limit: -1 }, cpu: { cpus: "0" } });
      expect(control(cgroup, { v1: "memory.limit_in_bytes", v2: "memory.max" })).toBe(String(64 * MIB));
      const swap = driver.version === 1 ? 96 * MIB : 32 * MIB;
      expect(control(cgroup, { v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" })).toBe(
        String(swap),
      );
      expect(control(cgroup, { v1: "pids.max", v2: "pids.max" })).toBe("max");
      cgroup.update({ memory: { limit: 32 * MIB, swap: 40 * MIB } });
      expect(control(cgroup, { v1: "memory.limit_in_bytes", v2: "memory.max" })).toBe(String(32 * MIB));
      cgroup.update({ cpu: { quota: 20_000, period: 50_000 } });
      cgroup.update({ cpu: { period: 100_000 } });
      const quota = driver.version === 1 ? "20000" : "20000 100000";
      expect(control(cgroup, { v1: "cpu.cfs_quota_us", v2: "cpu.max" })).toBe(quota);
    });

    test("with defaults, swap follows memory as in a new cgroup", () => {
      const cgroup = create(driver, { memory: { limit: 32 * MIB } });
      cgroup.update({ memory: { limit: 64 * MIB } }, { defaults: true });
      const swap = driver.version === 1 ? 128 * MIB : 64 * MIB;
      expect(control(cgroup, { v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" })).toBe(
        String(swap),
      );
    });

    test("where the kernel refuses one change, those before it are undone", () => {
      const cgroup = create(driver, {
        memory: { limit: 32 * MIB, swap: 48 * MIB },
        cpu: { quota: 20_000, period: 100_000, cpus: "0-1" },
      });
      const look = () => [
        control(cgroup, { v1: "memory.limit_in_bytes", v2: "memory.max" }),
        control(cgroup, { v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" }),
        control(cgroup, { v1: "cpuset.cpus", v2: "cpuset.cpus" }),
        control(cgroup, { v1: "cpu.cfs_quota_us", v2: "cpu.max" }),
      ];
      const before = look();
      const changes: OciResources = { memory: { limit: 64 * MIB, swap: -1 }, cpu: { cpus: "0", quota: 1 } };
      expect(caught(() => cgroup.update(changes))).toMatchObject({ code: "ERR_TSRUN_CGROUP_LIMIT_REFUSED" });
      expect(look()).toEqual(before);
    });

    test("validate refuses what create would, and makes nothing", () => {
      expect(caught(() => driver.validate({ memory: { limit: 64 * MIB, swap: 32 * MIB } }))).toMatchObject({
        code: "ERR_TSRUN_CGROUP_LIMIT_INVALID",
      });
      expect(caught(() => driver.validate({ cpu: { cpus: "0-4096" } }))).toMatchObject({
        code: "ERR_TSRUN_CGROUP_LIMIT_INVALID",
      });
      driver.validate({ memory: { limit: 64 * MIB }, cpu: { cpus: "0", quota: 20_000 }, pids: { limit: 5 } });
      expect(driver.open(parent).directories.filter((each) => existsSync(each))).toEqual([]);
    });

    test("a deep parent is made, with CPUs and controllers for its children", async () => {
      const cgroup = create(driver, { memory: { limit: 64 * MIB } }, `${parent}/one/two/three`);
      expect((await run(cgroup, "echo joined")).output).toBe("joined\n");
      await driver.open(`${parent}/one`).remove();
    });
  },
);

describe("a limit whose controller is missing is an error that names it", () => {
  test.runIf(host.version === 1)("v1", () => {
    const mounted = new Map(parseHierarchies(readFileSync("/proc/self/mountinfo", "utf8")));
    mounted.delete("memory");
    const driver = createV1Driver(mounted as Hierarchies);
    const error = caught(() => driver.create(`${parent}/none`, { memory: { limit: 64 * MIB } }));
    expect(error).toMatchObject({
      code: "ERR_TSRUN_CGROUP_CONTROLLER_MISSING",
      message: '--memory needs the cgroup v1 controller "memory", which is not available',
      hint: expect.stringContaining("mount -t cgroup -o memory"),
    });
    expect(driver.open(`${parent}/none`).directories.filter((each) => existsSync(each))).toEqual([]);
  });

  test("v2, seen from a part of the tree to which no controller is delegated", () => {
    const mount = host.version === 2 ? "/sys/fs/cgroup" : unified;
    // Controllers of the root reach its children, but not theirs unless someone enables them there.
    const island = `${mount}/tsrun-island-${process.pid}/island`;
    mkdirSync(island, { recursive: true });
    try {
      const driver = cgroupDriverAt(island);
      const error = caught(() => driver.create("/none", { cpu: { cpus: "0" } }));
      expect(error).toMatchObject({
        code: "ERR_TSRUN_CGROUP_CONTROLLER_MISSING",
        message: expect.stringContaining('--cpuset-cpus needs the cgroup v2 controller "cpuset"'),
        hint: expect.stringContaining("Delegate="),
      });
      expect(existsSync(`${island}/none`)).toBe(false);
    } finally {
      rmdirSync(island);
      rmdirSync(dirname(island));
    }
  });

  test.runIf(host.version === 2)(
    "v2: a parent with processes of its own cannot have limited children",
    async () => {
      const parentGroup = create(host);
      start(parentGroup, "exec sleep 1000");
      await until(() => parentGroup.pids().length === 1);
      const error = caught(() => host.create(`${parentGroup.path}/child`, { memory: { limit: 64 * MIB } }));
      expect(error).toMatchObject({
        code: "ERR_TSRUN_CGROUP_INTERNAL_PROCESSES",
        message: expect.stringContaining('cannot enable the controller "memory"'),
      });
      expect(existsSync(`${parentGroup.directories[0]}/child`)).toBe(false);
    },
  );
});
