import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun } = host;

/** Which cgroups this machine has decides under what names the kernel shows a limit; the limits are the same. */
const isV2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
const FILES = {
  memory: isV2 ? "memory.max" : "memory/memory.limit_in_bytes",
  reservation: isV2 ? "memory.low" : "memory/memory.soft_limit_in_bytes",
  pids: isV2 ? "pids.max" : "pids/pids.max",
  cpuset: isV2 ? "cpuset.cpus" : "cpuset/cpuset.cpus",
};

/** What a container with these flags reads from its own cgroup's file. */
const limit = (flags: string[], file: string): Promise<string> =>
  output("run", "--rm", ...flags, "busybox", "cat", `/sys/fs/cgroup/${file}`);

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("memory", () => {
  test("-m is the cgroup's limit", async () => {
    expect(await limit(["-m", "64m"], FILES.memory)).toBe("67108864");
    expect(await limit(["--memory", "1g", "--memory-reservation", "32m"], FILES.reservation)).toBe(
      "33554432",
    );
  });

  test("a container that outgrows it is killed: 137, OOMKilled, and a message", async () => {
    const { code, stderr } = await tsrun(
      "run",
      "--name",
      "hog",
      "-m",
      "64m",
      "--memory-swap",
      "64m",
      "busybox",
      "dd",
      "if=/dev/zero",
      "of=/dev/null",
      "bs=200M",
      "count=1",
    );
    expect(code).toBe(137);
    expect(stderr).toContain("tsrun: killed: out of memory: --memory is 67108864 bytes");
    expect(await output("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "hog")).toBe("true 137");
    expect(await output("ps", "-a", "--format", "{{.Status}}")).toMatch(/^Exited \(137\)/);
  });

  test("one that keeps within it is not", async () => {
    expect(
      (
        await tsrun(
          "run",
          "--name",
          "modest",
          "-m",
          "64m",
          "busybox",
          "dd",
          "if=/dev/zero",
          "of=/dev/null",
          "bs=20M",
          "count=1",
        )
      ).code,
    ).toBe(0);
    expect(await output("inspect", "-f", "{{.State.OOMKilled}}", "modest")).toBe("false");
  });

  test("a process killed inside leaves the container running", async () => {
    await output(
      "run",
      "-d",
      "--name",
      "host",
      "-m",
      "64m",
      "--memory-swap",
      "64m",
      "busybox",
      "sleep",
      "1000",
    );
    expect(
      (await tsrun("exec", "host", "dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1")).code,
    ).toBe(137);
    expect(await output("inspect", "-f", "{{.State.Status}}", "host")).toBe("running");
  });
});

describe("processors", () => {
  test("--cpus is a quota", async () => {
    if (isV2) expect(await limit(["--cpus", "0.5"], "cpu.max")).toBe("50000 100000");
    else {
      expect(await limit(["--cpus", "0.5"], "cpu/cpu.cfs_quota_us")).toBe("50000");
      expect(await limit(["--cpus", "0.5"], "cpu/cpu.cfs_period_us")).toBe("100000");
    }
  });

  test("--cpus slows down what would take more", async () => {
    // 1.5 s of looping at a tenth of a processor: what is granted shows in the time that the kernel accounts.
    const script = "timeout 1.5 sh -c 'while :; do :; done'; cat /proc/1/stat | cut -d' ' -f16,17";
    const ticks = async (flags: string[]): Promise<number> => {
      const [user = 0, system = 0] = (await output("run", "--rm", ...flags, "busybox", "sh", "-c", script))
        .split(" ")
        .map(Number);
      return user + system;
    };
    expect(await ticks(["--cpus", "0.1"])).toBeLessThan(50);
  });

  test("--cpu-shares and --cpuset-cpus", async () => {
    expect(await limit(["--cpuset-cpus", "0"], FILES.cpuset)).toBe("0");
    expect(await output("run", "--rm", "--cpuset-cpus", "0", "busybox", "nproc")).toBe("1");
    // cgroup v2 has weights of 1 to 10000 where v1 had shares of 2 to 262144.
    if (isV2) expect(Number(await limit(["--cpu-shares", "512"], "cpu.weight"))).toBeLessThan(100);
    else expect(await limit(["--cpu-shares", "512"], "cpu/cpu.shares")).toBe("512");
  });
});

describe("processes", () => {
  test("--pids-limit stops a fork bomb", async () => {
    expect(await limit(["--pids-limit", "30"], FILES.pids)).toBe("30");
    const bomb = "i=0; while [ $i -lt 60 ]; do sleep 1000 & i=$((i+1)); done; echo not reached";
    const { code, stdout, stderr } = await tsrun(
      "run",
      "--rm",
      "--pids-limit",
      "30",
      "busybox",
      "sh",
      "-c",
      bomb,
    );
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toContain("can't fork: Resource temporarily unavailable");
  });

  test("a limit holds for what exec brings too", async () => {
    await output("run", "-d", "--name", "few", "--pids-limit", "4", "busybox", "sleep", "1000");
    const { code, stderr } = await tsrun("exec", "few", "sh", "-c", "for i in 1 2 3 4 5; do sleep 5 & done");
    expect(code).not.toBe(0);
    expect(stderr).toContain("can't fork");
  });
});

describe("several limits", () => {
  test("are shown by inspect in docker's fields", async () => {
    await output(
      "run",
      "-d",
      "--name",
      "all",
      "-m",
      "64m",
      "--cpus",
      "0.5",
      "--pids-limit",
      "30",
      "busybox",
      "sleep",
      "1000",
    );
    const format = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}";
    expect(await output("inspect", "-f", format, "all")).toBe("67108864 500000000 30");
  });

  test("leave no cgroup behind", async () => {
    const id = await output(
      "run",
      "-d",
      "-m",
      "64m",
      "--cpus",
      "0.5",
      "--pids-limit",
      "30",
      "busybox",
      "sleep",
      "1000",
    );
    const roots = isV2
      ? ["/sys/fs/cgroup"]
      : ["memory", "cpu", "pids"].map((name) => `/sys/fs/cgroup/${name}`);
    const directories = roots.map((root) => join(root, "tsrun", id));
    expect(directories.filter((path) => !existsSync(path))).toEqual([]);
    await output("rm", "-f", id);
    expect(directories.filter((path) => existsSync(path))).toEqual([]);
  });
});

describe("a limit that cannot be kept is refused before anything is made", () => {
  const cpus = availableParallelism();
  test.each<[string[], RegExp]>([
    [["-m", "1m"], /Minimum memory limit allowed is 6MB/],
    [["-m", "64m", "--memory-swap", "32m"], /Minimum memoryswap limit should be larger than memory limit/],
    [["--memory-swap", "64m"], /You should always set the Memory limit/],
    [["-m", "lots"], /invalid size: 'lots'/],
    [["--cpus", String(cpus + 1)], new RegExp(`there are only ${cpus} CPUs available`)],
    [["--cpus", "1", "--cpu-quota", "5000"], /Nano CPUs and CPU Quota cannot both be set/],
    [["--cpuset-cpus", "4095"], /4095/],
    [["--kernel-memory", "64m"], /the kernel has no such limit any more/],
    [["--blkio-weight", "5"], /Range of blkio weight is from 10 to 1000/],
    [["--device-read-bps", "/dev/no-such-disk:1mb"], /no such device: \/dev\/no-such-disk/],
  ])("%j", async (flags, reason) => {
    const { code, stderr } = await tsrun("run", "--rm", ...flags, "busybox", "true");
    expect(stderr).toMatch(reason);
    expect(stderr).not.toContain("    at ");
    expect(code).toBe(125);
    expect(host.containers()).toEqual([]);
  });

  test("a weight is applied, or what it needs is named", async () => {
    const show = `cat /sys/fs/cgroup/${isV2 ? "io" : "blkio/blkio"}.bfq.weight /sys/fs/cgroup/${isV2 ? "io" : "blkio/blkio"}.weight 2>/dev/null || true`;
    const { code, stdout, stderr } = await tsrun(
      "run",
      "--rm",
      "--blkio-weight",
      "500",
      "busybox",
      "sh",
      "-c",
      show,
    );
    if (code === 0) expect(stdout).toMatch(/\b(500|4950)\b/);
    else
      expect({ code, stderr }).toEqual({
        code: 125,
        stderr: expect.stringMatching(/--blkio-weight[\s\S]*hint: weights need/),
      });
  });
});
