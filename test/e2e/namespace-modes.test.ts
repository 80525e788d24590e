/** --pid, --ipc and --uts: what containers share, and what becomes of one in another's pid namespace. */
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { detectCgroupDriver } from "../../src/runtime/cgroup/detect.ts";
import { useHost } from "./support/host.ts";

const IMAGE = "tsrun/base";
const host = useHost({ pull: [IMAGE] });
const { output, tsrun } = host;
const QUIET = ["--network", "none"];
const start = (name: string, flags: string[], ...command: string[]): Promise<string> =>
  output("run", "-d", ...QUIET, "--name", name, ...flags, IMAGE, ...command);
const once = (flags: string[], script: string): Promise<string> =>
  output("run", "--rm", ...QUIET, ...flags, IMAGE, "sh", "-c", script);
const status = (name: string): Promise<string> =>
  output("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
const namespace = (name: string, type: string): Promise<string> =>
  output("exec", name, "readlink", `/proc/self/ns/${type}`);
const groupsOf = (id: string): string[] =>
  detectCgroupDriver()
    .open(`/tsrun/${id}`)
    .directories.filter((directory) => existsSync(directory));
const membersOf = (id: string): number[] => detectCgroupDriver().open(`/tsrun/${id}`).pids();

/** Its first process goes at once when it is asked to, and leaves one behind that would stay for ever. */
const SIDECAR = ["sh", "-c", "sleep 1000 & exec sleep 1000"];
const web = (...flags: string[]): Promise<string> =>
  start("web", flags, "sh", "-c", "while :; do sleep 1; done");
const sidecar = (...flags: string[]): Promise<string> =>
  start("side", ["--pid", "container:web", ...flags], ...SIDECAR);

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("--pid container:", () => {
  test("shows the other's processes, and to the other its own", async () => {
    const id = await web();
    expect(await once(["--pid", "container:web"], "ps -o pid,args")).toMatch(/^ +1 sh -c while/m);
    await sidecar("--init");
    expect(await namespace("side", "pid")).toBe(await namespace("web", "pid"));
    expect(await output("exec", "web", "ps", "-o", "args")).toMatch(/^sleep 1000$/m);
    expect(await output("inspect", "-f", "{{.HostConfig.PidMode}}", "side")).toBe(`container:${id}`);
    const listed = (await output("top", "side", "-o", "pid,args")).split("\n");
    expect(listed).toHaveLength(3); // its own only, and no init: there is one already
    expect(await output("exec", "side", "sh", "-c", "kill -0 1 && echo reached")).toBe("reached");
  });

  test.each<[string, string[], string]>([
    ["stop", ["stop", "-t", "5", "side"], "exited 143"],
    ["kill", ["kill", "side"], "exited 137"],
  ])("%s ends all of it, and nothing of the other", async (_, command, expected) => {
    await web();
    const id = await sidecar();
    await output("exec", "-d", "side", "sleep", "1001");
    await expect.poll(() => membersOf(id).length).toBe(3);
    const pids = membersOf(id);
    await output(...command);
    expect(await status("side")).toBe(expected);
    expect(groupsOf(id)).toEqual([]);
    expect(pids.filter(lives)).toEqual([]);
    expect(await status("web")).toBe("running 0");
    expect(await output("exec", "web", "ps", "-o", "args")).not.toMatch(/^sleep 100/m);
    await output("start", "side");
    await output("rm", "-f", "side");
    expect(groupsOf(id)).toEqual([]);
    expect(await status("web")).toBe("running 0");
  });

  test("its first process's own end ends all of it, with its exit code", async () => {
    await web();
    const { code } = await tsrun(
      ...["run", "--rm", ...QUIET, "--pid", "container:web", IMAGE],
      ...["sh", "-c", "sleep 1002 & exit 7"],
    );
    expect(code).toBe(7);
    expect(await output("exec", "web", "ps", "-o", "args")).not.toMatch(/^sleep 1002$/m);
  });

  test("the other's end is its own", async () => {
    await web();
    const id = await sidecar();
    const beside = tsrun("run", "--rm", ...QUIET, "--pid", "container:web", IMAGE, ...SIDECAR);
    await expect.poll(() => output("ps", "-q")).toMatch(/\n.*\n/);
    await output("stop", "-t", "0", "web");
    expect((await beside).code).toBe(137);
    await expect.poll(() => status("side")).toBe("exited 137");
    expect(groupsOf(id)).toEqual([]);
    const { code, stderr } = await tsrun("start", "side");
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("cannot join PID of a non running container"),
    ]);
    await output("start", "web");
    await output("start", "side");
    expect(await status("side")).toBe("running 0");
  });

  test("it goes with the other also where it is paused", async () => {
    await web();
    await sidecar();
    await output("pause", "side");
    await output("kill", "web");
    await expect.poll(() => status("side")).toBe("exited 137");
  });

  test("where the monitor is killed its first process goes with it, and the next look takes the rest", async () => {
    await web();
    const id = await sidecar();
    const pid = Number(await output("inspect", "-f", "{{.State.Pid}}", "side"));
    const monitor = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
    process.kill(monitor, "SIGKILL");
    await expect.poll(() => lives(pid)).toBe(false);
    expect(await output("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toContain("side Exited (137)");
    await expect.poll(() => groupsOf(id)).toEqual([]);
    expect(await status("web")).toBe("running 0");
  });

  test("a health check runs in it", async () => {
    await web();
    await sidecar("--health-cmd", "ps | grep -q 'while :'", "--health-interval", "100ms");
    await expect
      .poll(() => output("inspect", "-f", "{{.State.Health.Status}}", "side"), { timeout: 5000 })
      .toBe("healthy");
  });

  test("is refused where it cannot be", async () => {
    const refused = async (...flags: string[]): Promise<string> => {
      const { code, stderr } = await tsrun("run", "--rm", ...QUIET, ...flags, IMAGE, "true");
      expect(code).toBe(125);
      return stderr;
    };
    await output("create", "--name", "created", IMAGE);
    expect(await refused("--pid", "container:created")).toContain(
      "cannot join PID of a non running container",
    );
    expect(await refused("--name", "self", "--pid", "container:self")).toContain("No such container: self");
    await start("mapped", ["--userns", "keep-id"], "sleep", "1000");
    expect(await refused("--pid", "container:mapped")).toContain("it has a user namespace of its own");
    expect(await refused("--userns", "keep-id", "--pid", "container:created")).toContain(
      "user namespaces are enabled",
    );
    expect(await refused("--pid", "other")).toContain("invalid PID mode: other");
  });
});

test("--pid host: the host's processes, of which only its own end with it", async () => {
  const { code, stdout } = await tsrun(
    ...["run", "--rm", ...QUIET, "--pid", "host", IMAGE],
    ...["sh", "-c", "readlink /proc/self/ns/pid; sleep 1003 & echo $!; exit 5"],
  );
  const [own, pid] = stdout.split("\n");
  expect([code, own]).toEqual([5, readlinkSync("/proc/self/ns/pid")]);
  expect(lives(Number(pid))).toBe(false);
});

describe("--ipc", () => {
  test("container: shares objects and memory of one that is shareable", async () => {
    await start("store", ["--ipc", "shareable"], "sh", "-c", "echo here >/dev/shm/word; exec sleep 1000");
    const script = "cat /dev/shm/word; echo back >/dev/shm/word; readlink /proc/self/ns/ipc; mount";
    const [word, own, ...mounts] = (await once(["--ipc", "container:store"], script)).split("\n");
    expect([word, own]).toEqual(["here", await namespace("store", "ipc")]);
    expect(mounts.find((line) => line.includes(" on /dev/shm "))).toMatch(/nosuid,nodev,noexec/);
    expect(await output("exec", "store", "cat", "/dev/shm/word")).toBe("back");
  });

  test("container: follows no link that the other has put there", async () => {
    await start("store", ["--ipc", "shareable", "--privileged"], "sleep", "1000");
    await output("exec", "store", "sh", "-c", "umount /dev/shm; rmdir /dev/shm; ln -s /proc/1/root /dev/shm");
    const { code, stderr } = await tsrun("run", "--rm", ...QUIET, "--ipc", "container:store", IMAGE, "true");
    expect([code, stderr]).toEqual([125, expect.stringMatching(/dev\/shm.*E(XDEV|LOOP)/)]);
  });

  test("container: is refused by one that is not shareable", async () => {
    await web();
    const { code, stderr } = await tsrun("run", "--rm", ...QUIET, "--ipc", "container:web", IMAGE, "true");
    expect([code, stderr]).toEqual([125, expect.stringContaining("non-shareable IPC")]);
    expect(stderr).toContain("--ipc shareable");
  });

  test("none has no shared memory; host has the host's; private is what there is without", async () => {
    expect(await once(["--ipc", "none"], "test -e /dev/shm || echo none")).toBe("none");
    expect(await once(["--ipc", "host"], "readlink /proc/self/ns/ipc")).toBe(
      readlinkSync("/proc/self/ns/ipc"),
    );
    expect(await once(["--ipc", "private"], "readlink /proc/self/ns/ipc; touch /dev/shm/x")).not.toBe(
      readlinkSync("/proc/self/ns/ipc"),
    );
    const { stderr } = await tsrun(
      ...["run", "--rm", "--ipc", "host", "--sysctl", "kernel.sem=1 2 3 4", IMAGE, "true"],
    );
    expect(stderr).toContain("not allowed in the hosts ipc namespace");
  });
});

test("--uts host: the host's name, which stays as it is", async () => {
  const name = readFileSync("/proc/sys/kernel/hostname", "latin1").trim();
  const script = "readlink /proc/self/ns/uts; hostname; cat /etc/hostname";
  expect(await once(["--uts", "host"], script)).toBe(
    `${readlinkSync("/proc/self/ns/uts")}\n${name}\n${name}`,
  );
  expect(readFileSync("/proc/sys/kernel/hostname", "latin1").trim()).toBe(name);
  const { stderr } = await tsrun("run", "--rm", "--uts", "host", "-h", "x", IMAGE, "true");
  expect(stderr).toContain("conflicting options: hostname and the UTS mode");
});

function lives(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}
