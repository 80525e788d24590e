import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";

const host = useHost();
const { output, tsrun } = host;
const inside = (script: string): Promise<string> => output("run", "--rm", "busybox", "sh", "-c", script);

const NAMESPACES = ["mnt", "pid", "uts", "ipc", "net", "cgroup"];
/** busybox reads one link at a time. */
const readlinks = (paths: string): string => `for link in ${paths}; do readlink $link; done`;

describe("what a container sees of the machine", () => {
  test("its own processes only, its command being pid 1", async () => {
    const lines = (await output("run", "--rm", "busybox", "ps", "-o", "pid,comm")).split("\n");
    expect(lines.slice(1).map((line) => line.trim())).toEqual(["1 ps"]);
    expect(await inside("echo $$; ls /proc | grep -c '^[0-9]'")).toMatch(/^1\n[123]$/);
  });

  test("namespaces of its own", async () => {
    const links = (await inside(`cd /proc/self/ns; ${readlinks(NAMESPACES.join(" "))}`)).split("\n");
    const own = NAMESPACES.map((name) => readlinkSync(`/proc/self/ns/${name}`));
    expect(links.map((link) => link.split(":")[0])).toEqual(NAMESPACES);
    for (const [index, link] of links.entries()) expect(link).not.toBe(own[index]);
  });

  test("an overlay on /", async () => {
    expect(await inside("grep ' / ' /proc/mounts")).toMatch(/^overlay \/ overlay rw,/);
  });

  test("no file of the host's", async () => {
    const secret = join(host.directory, "config.json");
    expect(await inside(`ls ${secret} 2>&1 || true`)).toContain("No such file");
    // Neither by climbing, nor through the directory the old root was on, nor by a mount left over.
    expect(await inside("ls /../../../..")).toBe(await inside("ls /"));
    expect(await inside("cd /; ls -d /oldroot /.pivot* /put_old 2>/dev/null || true")).toBe("");
    const foreign = (await inside("cut -d' ' -f2,3 /proc/mounts"))
      .split("\n")
      .map((line) => line.split(" ") as [string, string])
      .filter(
        ([, type]) =>
          !["overlay", "proc", "tmpfs", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"].includes(type),
      );
    expect(foreign.map(([target]) => target).sort()).toEqual([
      "/etc/hostname",
      "/etc/hosts",
      "/etc/resolv.conf",
    ]);
  });

  test("by docker's file that it is in a container, which is no change of its image", async () => {
    const name = await output(
      "run",
      "-d",
      "--read-only",
      "busybox",
      "stat",
      "-c",
      "%A %u %g %s",
      "/.dockerenv",
    );
    await output("wait", name);
    expect(await output("logs", name)).toBe("-rwxr-xr-x 0 0 0");
    expect(await output("diff", name)).toBe("");
    await output("rm", name);
  });

  test("no descriptor of tsrun's", async () => {
    // 3 is the directory that ls reads.
    expect(await inside("exec ls /proc/self/fd")).toBe("0\n1\n2\n3");
    const running = await output("run", "-d", "busybox", "sleep", "1000");
    expect(await output("exec", running, "ls", "/proc/1/fd")).toBe("0\n1\n2");
    expect(await output("exec", running, "ls", "/proc/self/fd")).toBe("0\n1\n2\n3");
    await output("rm", "-f", running);
  });

  test("no environment of the host's", async () => {
    const { stdout } = await host.tsrunWith({ env: { SECRET: "x" } }, "run", "--rm", "busybox", "env");
    expect(stdout).not.toContain("SECRET");
    expect(stdout).not.toContain("TSRUN");
  });
});

describe("what a container may do", () => {
  test("docker's default capabilities and no more", async () => {
    const status = await inside("grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status");
    expect(status).toContain("CapEff:\t00000000a80425fb");
    expect(status).toContain("CapPrm:\t00000000a80425fb");
    expect(status).toContain("CapBnd:\t00000000a80425fb");
    expect(status).toContain("CapInh:\t0000000000000000");
    expect(status).toContain("CapAmb:\t0000000000000000");
    expect(status).toContain("Seccomp:\t2");
  });

  test("the filter refuses what containers have no business with", async () => {
    const tries = [
      "mount -t tmpfs t /tmp",
      "unshare -m true",
      "hostname x",
      "sysctl -w kernel.msgmax=1",
      "date -s @0",
      "reboot -f",
      "mknod /b b 8 0 && cat /b",
    ];
    for (const line of tries) {
      const { stderr } = await tsrun("run", "--rm", "busybox", "sh", "-c", line);
      expect({ line, stderr }).toMatchObject({
        stderr: expect.stringMatching(/Operation not permitted|Read-only|Permission denied|must be root/i),
      });
    }
  });

  test("/proc and /sys are closed where they reach the kernel", async () => {
    const masked = await inside(
      "head -c 1 /proc/kcore | wc -c; ls /proc/acpi /sys/firmware /proc/scsi 2>/dev/null | grep -v ':$' | grep -c . ; head -c1 /proc/keys | wc -c; head -c1 /proc/timer_list | wc -c",
    );
    expect(masked).toBe("0\n0\n0\n0");
    for (const path of [
      "/proc/sys/kernel/shmmax",
      "/proc/sysrq-trigger",
      "/proc/irq/default_smp_affinity",
      "/sys/kernel/x",
      "/sys/fs/cgroup/x",
    ]) {
      const { stderr } = await tsrun("run", "--rm", "busybox", "sh", "-c", `echo 0 >${path}`);
      expect({ path, stderr }).toMatchObject({
        stderr: expect.stringMatching(/Read-only file system|can't create/),
      });
    }
  });

  test("/dev has the standard nodes and nothing else", async () => {
    const nodes = (await inside("ls /dev")).split("\n");
    const standard = [
      "core",
      "fd",
      "full",
      "mqueue",
      "null",
      "ptmx",
      "pts",
      "random",
      "shm",
      "stderr",
      "stdin",
      "stdout",
      "tty",
      "urandom",
      "zero",
    ];
    expect(nodes).toEqual(standard);
    expect(
      await inside(
        `echo x >/dev/null; head -c4 /dev/zero | od -An -tx1; ${readlinks("/dev/fd /dev/stdout /dev/ptmx")}`,
      ),
    ).toBe(" 00 00 00 00\n/proc/self/fd\n/proc/self/fd/1\npts/ptmx");
  });

  test("a bind-mounted directory does not let it out", async () => {
    const flags = ["-v", `${host.directory}:/data`];
    const { stdout } = await tsrun(
      "run",
      "--rm",
      ...flags,
      "busybox",
      "sh",
      "-c",
      "cd /data/..; pwd; ls -d /data/../etc/shadow 2>&1",
    );
    expect(stdout).toContain("/\n");
    expect(stdout).toContain("No such file");
  });
});

describe("two containers", () => {
  beforeAll(async () => {
    for (const name of ["one", "two"]) {
      await output(
        "run",
        "-d",
        "--name",
        name,
        "busybox",
        "sh",
        "-c",
        `echo ${name} >/tmp/mine; echo ${name} >/dev/shm/mine; exec sleep 1000`,
      );
    }
  });
  afterAll(() => output("rm", "-f", "one", "two"));

  test("do not see each other's processes, files, memory and names", async () => {
    expect(await output("exec", "one", "ps", "-o", "comm")).toBe("COMMAND\nsleep\nps");
    expect(await output("exec", "one", "cat", "/tmp/mine", "/dev/shm/mine")).toBe("one\none");
    expect(await output("exec", "two", "cat", "/tmp/mine", "/dev/shm/mine")).toBe("two\ntwo");
    expect(await output("exec", "one", "hostname")).not.toBe(await output("exec", "two", "hostname"));
    expect(await output("exec", "one", "cat", "/proc/self/mountinfo")).not.toContain(
      await output("inspect", "-f", "{{.Id}}", "two"),
    );
  });

  test("are in namespaces of their own", async () => {
    const links = (name: string): Promise<string> =>
      output("exec", name, "sh", "-c", `cd /proc/1/ns; ${readlinks(NAMESPACES.join(" "))}`);
    const [one, two] = [await links("one"), await links("two")].map((text) => text.split("\n")) as [
      string[],
      string[],
    ];
    expect(one).toHaveLength(NAMESPACES.length);
    expect(one.filter((link) => two.includes(link))).toEqual([]);
  });

  test("cannot signal each other or the host", async () => {
    const pid = await output("inspect", "-f", "{{.State.Pid}}", "two");
    const { code, stderr } = await tsrun("exec", "one", "kill", "-9", pid);
    expect(code).not.toBe(0);
    expect(stderr).toContain("No such process");
    expect(await output("inspect", "-f", "{{.State.Status}}", "two")).toBe("running");
  });
});
