/** pause, unpause and update: what the cgroup does, v1 and v2 alike. The VM runs this file too. */
import { existsSync, readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { detectCgroupDriver } from "../../src/runtime/cgroup/detect.ts";
import { useHost } from "./support/host.ts";

const IMAGE = "tsrun/base";
const MIB = 1024 * 1024;
const host = useHost({ pull: [IMAGE] });
const { output, tsrun } = host;
const start = (name: string, ...flags: string[]): Promise<string> =>
  output("run", "-d", "--network", "none", "--name", name, ...flags, IMAGE, "sleep", "1000");
const state = (name: string): Promise<string> =>
  output("inspect", "-f", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}", name);

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

/** A control file of a container's cgroup. */
function control(id: string, v1: string, v2: string): string {
  const { version, directories } = detectCgroupDriver().open(`/tsrun/${id}`);
  const files = directories.map((directory) => `${directory}/${version === 1 ? v1 : v2}`);
  return readFileSync(files.find((file) => existsSync(file)) as string, "utf8").trim();
}
const memoryOf = (id: string): number => Number(control(id, "memory.limit_in_bytes", "memory.max"));

describe("pause and unpause", () => {
  test("hold every process and let it go on", async () => {
    const script = "while :; do echo x >>/tmp/beat; sleep 0.05; done";
    await output("run", "-d", "--network", "none", "--name", "beat", IMAGE, "sh", "-c", script);
    const file = await output("inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", "beat");
    const beats = (): number =>
      existsSync(`${file}/tmp/beat`) ? readFileSync(`${file}/tmp/beat`).length : 0;
    await expect.poll(beats).toBeGreaterThan(0);
    expect(await output("pause", "beat")).toBe("beat");
    const paused = beats();
    expect(await state("beat")).toBe("paused true true");
    expect(await output("ps", "--format", "{{.State}}|{{.Status}}")).toMatch(/^paused\|Up .* \(Paused\)$/);
    expect(await output("ps", "-q", "--filter", "status=paused")).not.toBe("");
    expect(await output("ps", "-q", "--filter", "status=running")).toBe("");
    expect(beats()).toBe(paused);
    expect(await output("container", "unpause", "beat")).toBe("beat");
    await expect.poll(beats).toBeGreaterThan(paused);
    expect(await state("beat")).toBe("running true false");
  });

  test("refuse what makes no sense", async () => {
    const id = await start("one");
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await tsrun(...args);
      expect(code).toBe(1);
      return stderr;
    };
    expect(await refused("unpause", "one")).toContain(`Container ${id} is not paused`);
    await output("pause", "one");
    expect(await refused("pause", "one")).toContain(`Container ${id} is already paused`);
    expect(await refused("exec", "one", "true")).toContain(
      `Container ${id} is paused, unpause the container before exec`,
    );
    expect(await refused("attach", "one")).toContain("You cannot attach to a paused container");
    expect(await refused("rm", "one")).toContain("container is running");
    expect(await refused("pause", "missing")).toContain("No such container: missing");
    await output("kill", "one");
    expect(await refused("pause", "one")).toContain(`container ${id} is not running`);
    expect(await refused("unpause", "one")).toContain(`container ${id} is not running`);
  });

  test("a paused container can be stopped, killed and removed", async () => {
    const polite = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    await output("run", "-d", "--network", "none", "--name", "polite", IMAGE, "sh", "-c", polite);
    await expect.poll(() => output("logs", "polite")).toBe("ready");
    for (const name of ["killed", "removed"]) await start(name);
    await output("pause", "polite", "killed", "removed");
    await output("stop", "-t", "20", "polite");
    await output("kill", "killed");
    await output("rm", "-f", "removed");
    expect(await output("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "polite", "killed")).toBe(
      "exited 9\nexited 137",
    );
  });
});

describe("update", () => {
  test("changes the limits of what runs, now and for later starts", async () => {
    const id = await start("web", "-m", "64m", "--cpus", "0.5", "--pids-limit", "30");
    expect(await output("update", "-m", "128m", "--pids-limit", "40", "--cpu-shares", "512", "web")).toBe(
      "web",
    );
    expect(memoryOf(id)).toBe(128 * MIB);
    expect(control(id, "pids.max", "pids.max")).toBe("40");
    expect(control(id, "cpu.shares", "cpu.weight")).toBe(detectCgroupDriver().version === 1 ? "512" : "59");
    // What was not named is as it was.
    expect(control(id, "cpu.cfs_quota_us", "cpu.max")).toMatch(/^50000/);
    expect(
      await output(
        "inspect",
        "-f",
        "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpuShares}} {{.HostConfig.NanoCpus}} {{.HostConfig.CpuQuota}}",
        "web",
      ),
    ).toBe(`${128 * MIB} 40 512 500000000 0`);
    await output("update", "--cpus", "1", "--memory-swap", "-1", "web");
    expect(control(id, "cpu.cfs_quota_us", "cpu.max")).toMatch(/^100000/);
    expect(control(id, "memory.memsw.limit_in_bytes", "memory.swap.max")).toMatch(/^(max|\d{19})$/);
  });

  test("of a container that does not run counts from its start", async () => {
    const id = await output("create", "--network", "none", "--name", "later", IMAGE, "sleep", "1000");
    await output("container", "update", "-m", "64m", "later");
    expect(await output("inspect", "-f", "{{.HostConfig.Memory}}", "later")).toBe(String(64 * MIB));
    expect(existsSync(`${host.run}/containers/${id}`)).toBe(false);
  });

  test("is all or nothing", async () => {
    const id = await start("strict", "-m", "64m", "--pids-limit", "30");
    const record = await output("inspect", "-f", "{{json .HostConfig}}", "strict");
    const refused: [string[], string][] = [
      [["-m", "128m", "--cpuset-cpus", "4095"], "--cpuset-cpus 4095 names what is not available"],
      [
        ["-m", "128m", "--memory-swap", "100m"],
        "Minimum memoryswap limit should be larger than memory limit",
      ],
      [["--memory-swap", "32m"], "--memory-swap"],
      [["--memory-reservation", "100m"], "--memory-reservation"],
      [["--pids-limit", "50", "--cpu-quota", "1"], "CPU cfs quota can not be less than 1ms"],
      [["-m", "1m"], "Minimum memory limit allowed is 6MB"],
    ];
    for (const [flags, message] of refused) {
      const { code, stderr } = await tsrun("update", ...flags, "strict");
      expect(code, flags.join(" ")).not.toBe(0);
      expect(stderr).toContain(message);
    }
    expect(memoryOf(id)).toBe(64 * MIB);
    expect(control(id, "pids.max", "pids.max")).toBe("30");
    expect(await output("inspect", "-f", "{{json .HostConfig}}", "strict")).toBe(record);
  });

  test("what the kernel refuses leaves the record as it was", async () => {
    // Seventy megabytes in use cannot be pressed into twenty without swap: v1 says EBUSY, v2 kills or swaps instead.
    if (detectCgroupDriver().version === 2) return;
    const fill = "head -c 70000000 /dev/zero >/dev/shm/x; echo full; sleep 1000";
    const flags = ["-m", "100m", "--memory-swap", "100m", "--shm-size", "90m"];
    const id = await output("run", "-d", "--network", "none", ...flags, IMAGE, "sh", "-c", fill);
    await expect.poll(() => output("logs", id)).toBe("full");
    expect(
      await tsrun("update", "--pids-limit", "77", "-m", "20m", "--memory-swap", "20m", id),
    ).toMatchObject({ code: 1, stderr: expect.stringContaining("the container uses more than that now") });
    expect(memoryOf(id)).toBe(100 * MIB);
    expect(control(id, "pids.max", "pids.max")).toBe("max");
    expect(await output("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}", id)).toMatch(
      new RegExp(`^${100 * MIB} (<nil>|<no value>|null)$`),
    );
  });

  test("--restart, and what it does not go with", async () => {
    await output("create", "--name", "stopped", IMAGE);
    await output("update", "--restart", "on-failure:3", "stopped");
    expect(await output("inspect", "-f", "{{json .HostConfig.RestartPolicy}}", "stopped")).toBe(
      '{"Name":"on-failure","MaximumRetryCount":3}',
    );
    // One that runs is told: it comes back from a kill -9 of its process, and does not any more after the next update.
    await start("live");
    const pid = (): Promise<string> => output("inspect", "-f", "{{.State.Pid}}", "live");
    const first = await pid();
    await output("update", "--restart", "always", "live");
    process.kill(Number(first), "SIGKILL");
    await expect
      .poll(async () => ["0", first].includes(await pid()), { timeout: 20_000, interval: 200 })
      .toBe(false);
    expect(await output("inspect", "-f", "{{.RestartCount}}", "live")).toBe("1");
    await output("update", "--restart", "no", "live");
    process.kill(Number(await pid()), "SIGKILL");
    expect(await output("wait", "live")).toBe("137");
    expect(await output("inspect", "-f", "{{.State.Status}}", "live")).toBe("exited");
    await output("create", "--rm", "--name", "fleeting", IMAGE);
    expect(await tsrun("update", "--restart", "always", "fleeting")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Restart policy cannot be updated because AutoRemove is enabled"),
    });
    expect(await tsrun("update", "--restart", "sometimes", "stopped")).toMatchObject({
      code: 125,
      stderr: expect.stringContaining("unknown policy 'sometimes'"),
    });
    await output("rm", "-f", "fleeting");
  });

  test("says what is wrong with the request", async () => {
    await output("create", "--name", "quiet", IMAGE);
    expect(await tsrun("update", "quiet")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("you must provide one or more flags"),
    });
    expect((await tsrun("update", "--kernel-memory", "50m", "quiet")).stderr).toContain("--kernel-memory");
    expect(await tsrun("update", "-m", "64m", "nobody", "quiet")).toMatchObject({
      code: 1,
      stdout: "quiet\n",
    });
  });
});
