/** Volumes that are mounted while they are used: the options of the driver local, and drivers that are plugins. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { REPOSITORY } from "../support/cli.ts";
import { killNow, monitorsOf } from "./support/crash.ts";
import { useHost } from "./support/host.ts";
import { ended } from "./support/processes.ts";

const host = useHost();
const { output, tsrun } = host;

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-fv", ...ids);
  const names = (await output("volume", "ls", "-q")).split("\n").filter(Boolean);
  if (names.length > 0) await output("volume", "rm", ...names);
});

const data = (name: string): string => join(host.root, "volumes", name, "_data");
const busybox = (...args: string[]) => tsrun("run", "--rm", "--network", "none", ...args);
const background = (name: string, ...args: string[]) =>
  output("run", "-d", "--name", name, "--network", "none", ...args, "busybox", "sleep", "1000");
const isMounted = (name: string): boolean =>
  readFileSync("/proc/self/mountinfo", "utf8").includes(` ${data(name)} `);

async function until(look: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!look()) {
    if (performance.now() > deadline) throw new Error(`not within 15 s: ${what}`);
    await sleep(20);
  }
}

describe("the driver local with options", () => {
  test("a tmpfs is one for all containers, and gone with the last", async () => {
    await output(
      "volume",
      "create",
      "-o",
      "type=tmpfs",
      "-o",
      "device=tmpfs",
      "-o",
      "o=size=1m,mode=1770",
      "mem",
    );
    await background("one", "-v", "mem:/m");
    await background("two", "-v", "mem:/m:ro");
    await output("exec", "one", "sh", "-c", "echo shared > /m/file");
    expect(await output("exec", "two", "cat", "/m/file")).toBe("shared");
    expect(await output("exec", "two", "stat", "-c", "%a", "/m")).toBe("1770");
    expect(isMounted("mem")).toBe(true);
    await output("kill", "one");
    await sleep(500);
    expect(isMounted("mem")).toBe(true);
    await output("kill", "two");
    await until(() => !isMounted("mem"), "the last container's end unmounts it");
    await output("start", "one");
    expect(await output("exec", "one", "ls", "/m")).toBe("");
  });

  test("it is unmounted with --rm, and by a sweep where the monitor was killed", async () => {
    await output("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "mem");
    expect(
      (await busybox("-v", "mem:/m", "busybox", "sh", "-c", "mount | grep -q ' /m type tmpfs'")).code,
    ).toBe(0);
    expect(isMounted("mem")).toBe(false);
    await background("box", "-v", "mem:/m");
    const pid = Number(await output("inspect", "-f", "{{.State.Pid}}", "box"));
    for (const monitor of monitorsOf(host)) killNow(monitor);
    await ended(pid);
    expect(isMounted("mem")).toBe(true);
    await output("ps", "-a");
    await output("rm", "box");
    expect(isMounted("mem")).toBe(false);
    expect(readdirSync(join(host.run, "volumes"))).toEqual([]);
  });

  test("one that restarts keeps it", async () => {
    await output("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "mem");
    const script = "echo x >> /m/starts; [ $(wc -l < /m/starts) -ge 3 ] && exec sleep 1000; exit 1";
    await output(
      "run",
      "-d",
      "--name",
      "box",
      "--network",
      "none",
      "--restart",
      "always",
      "-v",
      "mem:/m",
      "busybox",
      "sh",
      "-c",
      script,
    );
    await until(
      () =>
        existsSync(join(data("mem"), "starts")) &&
        readFileSync(join(data("mem"), "starts"), "utf8") === "x\nx\nx\n",
      "three starts",
    );
    await output("stop", "-t", "0", "box");
    await until(() => !isMounted("mem"), "unmounted after the stop");
  });

  test("a directory, and the image's content in it", async () => {
    const directory = join(host.directory, "bound");
    mkdirSync(directory);
    const options = ["-o", "type=none", "-o", `device=${directory}`, "-o", "o=bind,ro"];
    await output("volume", "create", ...options.slice(0, 4), "-o", "o=bind", "dir");
    await busybox("-v", "dir:/www", "busybox", "true");
    expect(readFileSync(join(directory, "index.html"), "utf8")).toBe("it works\n");
    await output("volume", "create", ...options, "read-only");
    const { code, stderr } = await busybox("-v", "read-only:/www", "busybox", "touch", "/www/x");
    expect([code, stderr]).toEqual([1, expect.stringContaining("Read-only file system")]);
  });

  test("a device, shared and copied to while nothing runs", async () => {
    const image = join(host.directory, "disk");
    execFileSync("/bin/sh", ["-c", `truncate -s 8M ${image} && mkfs.ext2 -q ${image}`]);
    const loop = execFileSync("losetup", ["--find", "--show", image], { encoding: "utf8" }).trim();
    try {
      await output("volume", "create", "-o", "type=ext2", "-o", `device=${loop}`, "disk");
      await output("run", "--name", "box", "--network", "none", "-v", "disk:/www", "busybox", "ls", "/www");
      await until(() => !isMounted("disk"), "unmounted");
      writeFileSync(join(host.directory, "file"), "copied\n");
      await output("cp", "file", "box:/www/file");
      expect(isMounted("disk")).toBe(false);
      expect((await busybox("-v", "disk:/d", "busybox", "cat", "/d/file", "/d/index.html")).stdout).toBe(
        "copied\nit works\n",
      );
    } finally {
      execFileSync("losetup", ["-d", loop]);
    }
  });

  test("an NFS share is asked of the kernel with the server's address; one without NFS is named", async () => {
    await output(
      "volume",
      "create",
      "-o",
      "type=nfs",
      "-o",
      "device=:/x",
      "-o",
      "o=addr=localhost,soft,timeo=1",
      "far",
    );
    const { code, stderr } = await busybox("-v", "far:/far", "busybox", "true");
    expect(code).toBe(125);
    // ENODEV: this kernel has no NFS. Otherwise there is no server on this host, whatever its address.
    const supported = readFileSync("/proc/filesystems", "utf8").includes("\tnfs\n");
    expect(stderr).toMatch(
      supported ? /mount :\/x:.*: E(CONNREFUSED|PROTONOSUPPORT|TIMEDOUT)/ : /mount :\/x:.*: ENODEV/,
    );
    expect(isMounted("far")).toBe(false);
  });

  test("what cannot be mounted is said, and nothing is left", async () => {
    await output("volume", "create", "-o", "type=nosuchfs", "-o", "device=/x", "bad");
    expect(
      await tsrun("run", "--name", "box", "--network", "none", "-v", "bad:/b", "busybox", "true"),
    ).toMatchObject({
      code: 125,
      stderr: expect.stringContaining("error while mounting volume"),
    });
    expect(isMounted("bad")).toBe(false);
    await output("rm", "box");
  });
});

describe("a plugin", () => {
  const program = join(REPOSITORY, "test/e2e/support/volume-plugin.py");
  const store = join(host.directory, "plugin");
  const sockets = "/run/docker/plugins";
  let child: ChildProcess;
  const asked = (): string[] =>
    readFileSync(join(store, "log"), "utf8")
      .split("\n")
      .filter((line) => /^VolumeDriver\.(Create|Mount|Unmount|Remove)/.test(line));

  beforeAll(async () => {
    mkdirSync(sockets, { recursive: true });
    mkdirSync(store, { recursive: true });
    child = spawn("/usr/bin/python3", [program, `${sockets}/dirs.sock`, store], { stdio: "inherit" });
    await until(() => existsSync(`${sockets}/dirs.sock`), "the plugin listens");
  });
  afterAll(() => {
    child.kill();
    rmSync(sockets, { recursive: true, force: true });
  });

  test("its volumes are made, mounted for each container, unmounted and removed", async () => {
    rmSync(join(store, "log"), { force: true });
    await output("volume", "create", "-d", "dirs", "-o", "size=1g", "far");
    const id = await background("box", "-v", "far:/www");
    expect(await output("exec", "box", "cat", "/www/index.html")).toBe("it works"); // the image's
    await output("exec", "box", "sh", "-c", "echo written > /www/file");
    expect(readFileSync(join(store, "volumes/far/file"), "utf8")).toBe("written\n");
    await output("kill", "box");
    await until(() => asked().length === 3, "the end unmounts it");
    await output("rm", "box");
    await output("volume", "rm", "far");
    expect(asked()).toEqual([
      'VolumeDriver.Create {"Name": "far", "Opts": {"size": "1g"}}',
      `VolumeDriver.Mount {"ID": "${id}", "Name": "far"}`,
      `VolumeDriver.Unmount {"ID": "${id}", "Name": "far"}`,
      'VolumeDriver.Remove {"Name": "far"}',
    ]);
  });

  test("ls and inspect say what it says, also of those made elsewhere", async () => {
    mkdirSync(join(store, "volumes/elsewhere"));
    await output("volume", "create", "-d", "dirs", "here");
    expect(await output("volume", "ls", "--format", "{{.Driver}} {{.Name}} {{.Scope}}")).toBe(
      "dirs elsewhere global\ndirs here global",
    );
    expect(JSON.parse(await output("volume", "inspect", "here"))[0]).toMatchObject({
      Driver: "dirs",
      Mountpoint: join(store, "volumes/here"),
      Scope: "global",
      Status: { kind: "directory" },
    });
    await output("volume", "rm", "elsewhere");
    expect(existsSync(join(store, "removed-elsewhere"))).toBe(true);
  });

  test("--volume-driver and volume-driver choose it; its errors are told", async () => {
    const { stdout } = await busybox(
      ...[
        "--volume-driver",
        "dirs",
        "-v",
        "a1:/a",
        "--mount",
        "src=b1,dst=/b,volume-driver=dirs,volume-opt=x=y",
      ],
      ...["busybox", "sh", "-c", "ls -d /a /b"],
    );
    expect(stdout).toBe("/a\n/b\n");
    expect(await output("volume", "ls", "-q", "--filter", "driver=dirs")).toBe("a1\nb1");
    expect(await tsrun("volume", "create", "-d", "dirs", "-o", "fail=1", "no")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("VolumeDriver.Create: told to fail"),
    });
    expect(await tsrun("volume", "create", "a1", "-d", "local")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("volume name must be unique"),
    });
  });

  test("a program is a plugin too: it is started for each call", async () => {
    const programs = "/etc/tsrun/volume-drivers";
    const made = mkdirSync(programs, { recursive: true });
    cpSync(program, join(programs, "called"));
    writeFileSync("/run/volume-plugin-directory", store);
    try {
      await output("volume", "create", "-d", "called", "by-call");
      expect((await busybox("-v", "by-call:/d", "busybox", "sh", "-c", "echo x > /d/x")).code).toBe(0);
      expect(readdirSync(join(store, "volumes/by-call"))).toEqual(["x"]);
      await output("volume", "rm", "by-call");
    } finally {
      rmSync(join(programs, "called"));
      if (made) rmSync(made, { recursive: true });
      rmSync("/run/volume-plugin-directory");
    }
  });

  test("files name plugins that are elsewhere", async () => {
    const specs = "/etc/docker/plugins";
    const made = mkdirSync(specs, { recursive: true });
    writeFileSync(join(specs, "tsrun-test-spec.spec"), `unix://${sockets}/dirs.sock\n`);
    writeFileSync(
      join(specs, "tsrun-test-json.json"),
      JSON.stringify({ Name: "x", Addr: "tcp://127.0.0.1:1" }),
    );
    try {
      await output("volume", "create", "-d", "tsrun-test-spec", "named");
      expect(readdirSync(join(store, "volumes"))).toContain("named");
      expect(await tsrun("volume", "create", "-d", "tsrun-test-json", "no")).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("ECONNREFUSED"),
      });
      await output("volume", "rm", "named");
    } finally {
      for (const name of ["tsrun-test-spec.spec", "tsrun-test-json.json"]) rmSync(join(specs, name));
      if (made) rmSync(made, { recursive: true });
    }
  });
});
