/** The cgroup of an OCI container, on whichever version this host has; scripts/vm runs it on v2. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { type OciCgroup, openOciCgroup, reopenOciCgroup } from "../../src/oci/container-cgroup.ts";
import type { OciResources } from "../../src/runtime/oci.ts";

const MIB = 1024 * 1024;
const parent = `/tsrun-oci-test-${process.pid}`;
const isV2 = existsSync("/sys/fs/cgroup/cgroup.controllers");

const opened: OciCgroup[] = [];
const children: ChildProcess[] = [];
let count = 0;

function open(cgroupsPath: string | undefined = `${parent}/${++count}`): OciCgroup {
  const cgroup = openOciCgroup({ cgroupsPath, id: `tsrun-oci-test-${process.pid}` });
  opened.push(cgroup);
  return cgroup;
}

function create(resources: OciResources, path?: string): Readonly<Record<string, string>> {
  const { cloneFd, paths } = open(path).create({ resources });
  if (cloneFd !== undefined) closeSync(cloneFd);
  return paths;
}

const directories = (cgroup: OciCgroup): readonly string[] => cgroup.driven.directories;

/** A process in the cgroup, by all of its files. */
async function occupy(cgroup: OciCgroup): Promise<number> {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  children.push(child);
  for (const directory of directories(cgroup)) writeFileSync(`${directory}/cgroup.procs`, String(child.pid));
  await sleep(20);
  return child.pid ?? 0;
}

/** The value of "memory.max", or whichever of the files there is. */
function value(paths: Readonly<Record<string, string>>, v1: string, v2: string): string {
  const directory = isV2 ? paths[""] : paths[v1.slice(0, v1.indexOf("."))];
  return readFileSync(`${directory}/${isV2 ? v2 : v1}`, "utf8").trim();
}

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const cgroup of opened.splice(0)) {
    cgroup.driven.kill();
    await cgroup.driven.remove();
    for (const directory of directories(cgroup)) {
      if (dirname(directory).endsWith(parent) && existsSync(dirname(directory)))
        rmdirSync(dirname(directory));
    }
  }
});

describe("where it is", () => {
  test("absolute paths are below the mount points, in every hierarchy", () => {
    const cgroup = open(`${parent}/../${parent.slice(1)}//a/`);
    closeSync(cgroup.create({}).cloneFd ?? -1);
    expect(directories(cgroup).every((directory) => directory.endsWith(`${parent}/a`))).toBe(true);
    expect(directories(cgroup).every((directory) => existsSync(directory))).toBe(true);
    expect(cgroup.location?.path).toBe(`${parent}/a`);
    rmdirSync(directories(cgroup)[0] ?? "");
  });

  test("without a path it has the container's id, and relative ones lead no higher", () => {
    const byId = open("");
    expect(directories(byId).every((each) => each.endsWith(`/tsrun-oci-test-${process.pid}`))).toBe(true);
    const relative = openOciCgroup({ cgroupsPath: "../../x", id: "y" });
    expect(directories(relative).every((each) => each.endsWith("/x") && !each.includes(".."))).toBe(true);
  });

  test("the state document finds it again", async () => {
    const cgroup = open();
    closeSync(cgroup.create({}).cloneFd ?? -1);
    const pid = await occupy(cgroup);
    const again = reopenOciCgroup(JSON.parse(JSON.stringify(cgroup.location)));
    expect(again.driven.pids()).toEqual([pid]);
    expect(again.exists()).toBe(true);
    again.driven.kill();
    await again.driven.remove();
    expect(again.exists()).toBe(false);
  });

  test.each(["/", "//..", "/."])("%s is refused", (cgroupsPath) => {
    expect(() => openOciCgroup({ cgroupsPath, id: "x" })).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_CGROUP_PATH_INVALID" }),
    );
  });

  test("systemd's are refused with what to do", () => {
    expect(() => openOciCgroup({ cgroupsPath: "a:b:c", id: "x", systemd: true })).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_OCI_SYSTEMD_CGROUP",
        hint: expect.stringContaining("cgroupfs"),
      }),
    );
  });
});

describe("one that exists", () => {
  test("is adopted with the limits that it has", () => {
    const cgroup = open();
    for (const directory of directories(cgroup)) mkdirSync(directory, { recursive: true });
    closeSync(cgroup.create({ resources: { pids: { limit: 7 } } }).cloneFd ?? -1);
    expect(value(cgroup.create({}).paths, "pids.max", "pids.max")).toBe("7");
  });

  test("is refused with processes in it, or frozen", async () => {
    const cgroup = open();
    closeSync(cgroup.create({}).cloneFd ?? -1);
    await cgroup.driven.freeze();
    expect(() => cgroup.refuseInUse()).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_CGROUP_FROZEN",
        message: expect.stringMatching(/unexpectedly frozen/),
      }),
    );
    await cgroup.driven.thaw();
    await occupy(cgroup);
    expect(() => cgroup.refuseInUse()).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_CGROUP_NOT_EMPTY",
        message: expect.stringMatching(/container's cgroup is not empty/),
      }),
    );
  });
});

test("is delegated on v2 by the files that the kernel names, and by none on v1", () => {
  const cgroup = open();
  const { cloneFd } = cgroup.create({ resources: { pids: { limit: 5 } } }, { ownerUid: 1234 });
  if (cloneFd !== undefined) closeSync(cloneFd);
  const [directory = ""] = directories(cgroup);
  const uid = (path: string): number => statSync(`${directory}/${path}`).uid;
  expect([uid("."), uid("cgroup.procs")]).toEqual(isV2 ? [1234, 1234] : [0, 0]);
  if (isV2) expect(uid("pids.max")).toBe(0);
});

describe("limits", () => {
  test("are what the configuration says, and nothing that it does not", () => {
    const paths = create({
      memory: { limit: 32 * MIB, reservation: 24 * MIB },
      cpu: { shares: 100, quota: 500_000, period: 1_000_000, burst: 1000 },
      pids: { limit: 0 },
    });
    expect(value(paths, "memory.limit_in_bytes", "memory.max")).toBe(String(32 * MIB));
    expect(value(paths, "memory.memsw.limit_in_bytes", "memory.swap.max")).toBe(
      isV2 ? "max" : "9223372036854771712",
    );
    expect(value(paths, "memory.soft_limit_in_bytes", "memory.low")).toBe(String(24 * MIB));
    expect(value(paths, "cpu.shares", "cpu.weight")).toBe(isV2 ? "17" : "100");
    expect(value(paths, "cpu.cfs_quota_us", "cpu.max")).toBe(isV2 ? "500000 1000000" : "500000");
    expect(value(paths, "pids.max", "pids.max")).toBe("1");
  });

  test("change in whatever order the kernel needs", () => {
    const cgroup = open();
    const { paths, cloneFd } = cgroup.create({
      resources: {
        memory: { limit: 30 * MIB, swap: 50 * MIB },
        cpu: { quota: 500_000, period: 1_000_000, burst: 400_000 },
      },
    });
    if (cloneFd !== undefined) closeSync(cloneFd);
    const memory = () => [
      value(paths, "memory.limit_in_bytes", "memory.max"),
      value(paths, "memory.memsw.limit_in_bytes", "memory.swap.max"),
    ];
    cgroup.apply({ memory: { limit: 60 * MIB, swap: 80 * MIB } });
    expect(memory()).toEqual([String(60 * MIB), String((isV2 ? 20 : 80) * MIB)]);
    cgroup.apply({ memory: { limit: 30 * MIB, swap: 40 * MIB } });
    expect(memory()).toEqual([String(30 * MIB), String((isV2 ? 10 : 40) * MIB)]);
    cgroup.apply({ memory: { limit: -1 } });
    expect(memory()).toEqual(isV2 ? ["max", "max"] : ["9223372036854771712", "9223372036854771712"]);
    cgroup.apply({ cpu: { quota: 3000, period: 10_000, burst: 0 } });
    expect(value(paths, "cpu.cfs_quota_us", "cpu.max")).toBe(isV2 ? "3000 10000" : "3000");
    cgroup.apply({ cpu: { period: 20_000 } });
    expect(value(paths, "cpu.cfs_period_us", "cpu.max")).toBe(isV2 ? "3000 20000" : "20000");
    cgroup.apply({ cpu: { quota: -1 } });
    expect(value(paths, "cpu.cfs_quota_us", "cpu.max")).toBe(isV2 ? "max 20000" : "-1");
  });

  test("idle takes the weight's place and gives it back", () => {
    const cgroup = open();
    const { paths, cloneFd } = cgroup.create({ resources: { cpu: { shares: 200, idle: 1 } } });
    if (cloneFd !== undefined) closeSync(cloneFd);
    expect(value(paths, "cpu.idle", "cpu.idle")).toBe("1");
    cgroup.apply({ cpu: { period: 10_000 } });
    expect(value(paths, "cpu.idle", "cpu.idle")).toBe("1");
    cgroup.apply({ cpu: { shares: 300, idle: 0 } });
    expect(value(paths, "cpu.idle", "cpu.idle")).toBe("0");
    expect(value(paths, "cpu.shares", "cpu.weight")).toBe(isV2 ? "39" : "300");
    for (const idle of [-1, 2]) {
      expect(() => cgroup.apply({ cpu: { idle } })).toThrow(
        expect.objectContaining({ code: "ERR_TSRUN_CGROUP_LIMIT_REFUSED" }),
      );
    }
  });

  test.skipIf(isV2)("v1: unified is refused, and a controller that is not mounted is named", () => {
    expect(() => create({ unified: { "memory.min": "1" } })).toThrow(/invalid configuration/);
    expect(() => create({ rdma: { mlx: { hcaHandles: 1 } } })).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_CGROUP_CONTROLLER_MISSING",
        message: expect.stringMatching(/"rdma"/),
      }),
    );
    expect(opened.some((each) => each.exists())).toBe(false);
  });

  test.runIf(isV2)("v2: unified files are written, whatever they are, and missing controllers named", () => {
    const paths = create({
      memory: { limit: 32 * MIB },
      unified: { "memory.high": "20971520", "memory.max": "41943040", "hugetlb.2MB.max": "2097152" },
    });
    const read = (file: string) => readFileSync(`${paths[""]}/${file}`, "utf8").trim();
    expect([read("memory.high"), read("memory.max"), read("hugetlb.2MB.max")]).toEqual([
      "20971520",
      "41943040",
      "2097152",
    ]);
    expect(() => create({ unified: { "tsrun.max": "1" } })).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_CGROUP_CONTROLLER_MISSING",
        message: expect.stringMatching(/"tsrun"/),
      }),
    );
    expect(() => create({ unified: { "memory.tsrun": "1" } })).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_CGROUP_LIMIT_UNSUPPORTED" }),
    );
  });

  test.runIf(isV2)(
    "v2: every controller of the host is there, and a limit below the use refused on request",
    async () => {
      const cgroup = open();
      const { paths, cloneFd } = cgroup.create({});
      if (cloneFd !== undefined) closeSync(cloneFd);
      expect(readFileSync(`${paths[""]}/cgroup.controllers`, "utf8")).toBe(
        readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8"),
      );
      // What a process uses is counted where it was when it asked for it.
      const join = ["-c", 'echo $$ > "$1"; exec sleep 1000', "sh", `${paths[""]}/cgroup.procs`];
      children.push(spawn("sh", join));
      while (Number(readFileSync(`${paths[""]}/memory.current`, "utf8")) < 65536) await sleep(20);
      const memory = { limit: 8192, checkBeforeUpdate: true };
      expect(() => cgroup.apply({ memory })).toThrow(/rejecting memory limit 8192 <= usage/);
      expect(() => cgroup.apply({ memory: { ...memory, swap: 16384 } })).toThrow(
        /rejecting memory\+swap limit 16384/,
      );
      expect(readFileSync(`${paths[""]}/memory.max`, "utf8")).toBe("max\n");
    },
  );
});
