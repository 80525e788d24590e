/** The counters of made-up cgroups, of which a directory of ordinary files is as good as one of the kernel's. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { readStats } from "../../../src/oci/stats.ts";

const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
});

function cgroup(files: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-stats-"));
  made.push(directory);
  mkdirSync(join(directory, "x"));
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(directory, "x", name), `${content}\n`);
  return directory;
}

const pressure = (some: string) =>
  `some avg10=${some} avg60=0.00 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0`;

test("cgroup v2, in the units and names of v1", () => {
  const root = cgroup({
    "cpu.stat": "usage_usec 3\nuser_usec 1\nsystem_usec 2\nnr_periods 5\nnr_throttled 4\nthrottled_usec 6",
    "cpu.pressure": pressure("0.50"),
    "memory.stat": "anon 1\nfile 7",
    "memory.current": "100",
    "memory.max": "200",
    "memory.peak": "150",
    "memory.swap.current": "10",
    "memory.swap.max": "20",
    "pids.current": "3",
    "pids.max": "max",
    "io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:16 rbytes=5 wbytes=0 rios=1 wios=0",
  });
  expect(readStats({ version: 2, roots: { "": root }, path: "/x" })).toEqual({
    cpu: {
      usage: { total: 3000n, kernel: 2000n, user: 1000n },
      throttling: { periods: 5n, throttledPeriods: 4n, throttledTime: 6000n },
      psi: { some: { avg10: 0.5, avg60: 0, avg300: 0, total: 12n } },
    },
    cpuset: expect.objectContaining({ cpu_exclusive: 0n, sched_relax_domain_level: 0n }),
    memory: {
      cache: 7n,
      usage: { limit: 200n, usage: 100n, max: 150n, failcnt: 0n },
      swap: { limit: 220n, usage: 110n, failcnt: 0n },
      raw: { anon: 1n, file: 7n },
    },
    pids: { current: 3n },
    blkio: {
      ioServiceBytesRecursive: [
        { major: 8n, op: "Read", value: 1n },
        { major: 8n, op: "Write", value: 2n },
        { major: 8n, minor: 16n, op: "Read", value: 5n },
        { major: 8n, minor: 16n, op: "Write" },
      ],
      ioServicedRecursive: [
        { major: 8n, op: "Read", value: 3n },
        { major: 8n, op: "Write", value: 4n },
        { major: 8n, minor: 16n, op: "Read", value: 1n },
        { major: 8n, minor: 16n, op: "Write" },
      ],
    },
    hugetlb: {},
    intel_rdt: {},
    network_interfaces: null,
  });
});

test("cgroup v2 without a limit, and without controllers", () => {
  const all = 2n ** 64n - 1n;
  const unlimited = cgroup({
    "memory.current": "1",
    "memory.max": "max",
    "memory.swap.current": "0",
    "memory.swap.max": "7",
    "cgroup.procs": "4\n5",
  });
  const stats = readStats({ version: 2, roots: { "": unlimited }, path: "/x" });
  expect(stats.memory.usage?.limit).toBe(all);
  expect(stats.memory.swap?.limit).toBe(all);
  expect(stats.pids).toEqual({ current: 2n });
  expect(stats.cpu).toEqual({});
});

test("cgroup v1", () => {
  const root = cgroup({
    "cpuacct.usage": "30",
    "cpuacct.stat": "user 1\nsystem 2",
    "cpuacct.usage_percpu": "10 0 ",
    "cpuacct.usage_all": "cpu user system\n0 7 3\n1 0 0",
    "cpu.stat": "nr_periods 1\nnr_throttled 0\nthrottled_time 9",
    "cpuset.cpus": "0-1,3",
    "cpuset.mems": "0",
    "cpuset.sched_load_balance": "1",
    "cpuset.sched_relax_domain_level": "-1",
    "memory.stat": "cache 5",
    "memory.limit_in_bytes": "9223372036854771712",
    "memory.usage_in_bytes": "6",
    "memory.failcnt": "2",
    "pids.current": "1",
    "pids.max": "8",
    "blkio.throttle.io_serviced_recursive": "8:0 Read 3\n8:0 Total 3\nTotal 3",
    "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\nTotal 4096",
  });
  const roots = Object.fromEntries(
    ["cpu", "cpuacct", "cpuset", "memory", "pids", "blkio"].map((controller) => [controller, root]),
  );
  expect(readStats({ version: 1, roots, path: "/x" })).toEqual({
    cpu: {
      usage: {
        total: 30n,
        percpu: [10n, 0n],
        percpu_kernel: [3n, 0n],
        percpu_user: [7n, 0n],
        kernel: 20_000_000n,
        user: 10_000_000n,
      },
      throttling: { periods: 1n, throttledTime: 9n },
    },
    cpuset: expect.objectContaining({
      cpus: [0, 1, 3],
      mems: [0],
      sched_load_balance: 1n,
      sched_relax_domain_level: -1n,
    }),
    memory: {
      cache: 5n,
      usage: { limit: 9223372036854771712n, usage: 6n, failcnt: 2n },
      raw: { cache: 5n },
    },
    pids: { current: 1n, limit: 8n },
    blkio: {
      ioServicedRecursive: [
        { major: 8n, op: "Read", value: 3n },
        { major: 8n, op: "Total", value: 3n },
      ],
      ioServiceBytesRecursive: [{ major: 8n, op: "Read", value: 4096n }],
    },
    hugetlb: {},
    intel_rdt: {},
    network_interfaces: null,
  });
});
