import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";
import { alpineRelease, busyboxImage, dynamicProgram, OTHER_ARCHITECTURE } from "./support/images.ts";

const host = useHost({ pull: ["busybox"] });
const { tsrun, tsrunWith, output, directory } = host;

/** Runs a shell script in a new container with these flags; what it prints. */
const inside = (flags: string[], script: string): Promise<string> =>
  output("run", "--rm", ...flags, "busybox", "sh", "-c", script);

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe("a container", () => {
  test("of an image that is not there yet pulls it", async () => {
    const { code, stdout, stderr } = await tsrun(
      "run",
      "--rm",
      "alpine",
      "sh",
      "-c",
      "cat /etc/alpine-release || echo none",
    );
    expect({ code, release: stdout.trim() }).toEqual({ code: 0, release: alpineRelease ?? "none" });
    expect(stderr).toContain("Unable to find image 'alpine:latest' locally");
    expect(stderr).toMatch(/Digest: sha256:[0-9a-f]{64}\nStatus: Downloaded newer image for alpine:latest/);
  });

  test("of an image that is nowhere says what was looked for before it says why not", async () => {
    const { code, stderr } = await tsrun("run", "--rm", "alpin", "true");
    expect(code).toBe(125);
    expect(stderr).toMatch(/^Unable to find image 'alpin:latest' locally\n[\s\S]*registry/);
  });

  test("runs the image's own command, or the one given", async () => {
    await host
      .registry()
      .pushImage("library/greeter", ["latest"], busyboxImage([], { Cmd: ["echo", "hello"] }));
    await host
      .registry()
      .pushImage("library/echo", ["latest"], busyboxImage([], { Entrypoint: ["echo", "-n"], Cmd: ["cmd"] }));
    expect(await output("run", "--rm", "greeter")).toBe("hello");
    expect(await output("run", "--rm", "greeter", "echo", "bye")).toBe("bye");
    expect(await output("run", "--rm", "echo")).toBe("cmd");
    expect(await output("run", "--rm", "echo", "argument")).toBe("argument");
  });

  test("keeps stdout and stderr apart", async () => {
    const { stdout, stderr } = await tsrun("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2");
    expect({ stdout, stderr }).toEqual({ stdout: "out\n", stderr: "err\n" });
  });

  test("passes large output on whole", async () => {
    const { stdout } = await tsrun("run", "--rm", "busybox", "seq", "1", "200000");
    expect(stdout.length).toBe(1_288_895);
    expect(stdout.endsWith("\n200000\n")).toBe(true);
  });

  test("has written nothing into its image", async () => {
    expect(await inside([], "echo x >/etc/new; rm /etc/group; ls /etc")).toContain("new");
    expect(await inside([], "ls /etc")).toBe("group\nhostname\nhosts\npasswd\nresolv.conf");
  });
});

describe("the exit code", () => {
  test("is the command's own", async () => {
    expect((await tsrun("run", "--rm", "busybox", "sh", "-c", "exit 7")).code).toBe(7);
    expect((await tsrun("run", "--rm", "busybox", "true")).code).toBe(0);
  });

  test("is 128+n where a signal ended it", async () => {
    expect((await tsrun("run", "--rm", "--init", "busybox", "sh", "-c", "kill -9 $$")).code).toBe(137);
  });

  test("is 127 where there is no such command", async () => {
    const { code, stderr } = await tsrun("run", "--rm", "busybox", "nosuchcommand");
    expect(code).toBe(127);
    expect(stderr).toContain('exec: "nosuchcommand": executable file not found in $PATH');
    const missing = await tsrun("run", "--rm", "busybox", "/no/such");
    expect(missing.code).toBe(127);
    expect(missing.stderr).toContain("/no/such: no such file or directory");
  });

  test("is 126 where it cannot be executed", async () => {
    const { code, stderr } = await tsrun("run", "--rm", "busybox", "/etc/passwd");
    expect(code).toBe(126);
    expect(stderr).toContain("permission denied");
    expect((await tsrun("run", "--rm", "busybox", "/etc")).code).toBe(126);
  });

  test("is 125 where tsrun itself refuses", async () => {
    expect((await tsrun("run", "--no-such-flag", "busybox")).code).toBe(125);
    expect((await tsrun("run", "--rm", `${host.registry().host}/no/such:image`)).code).toBe(125);
    expect(host.containers()).toEqual([]);
  });
});

describe("a program that cannot run says why", () => {
  beforeAll(async () => {
    const foreign = Buffer.from(readFileSync("/bin/busybox"));
    foreign.writeUInt16LE(OTHER_ARCHITECTURE === "arm64" ? 183 : 62, 18);
    const image = busyboxImage([
      { path: "script", data: "#!/opt/python3\nprint(1)\n", mode: 0o755 },
      { path: "crlf", data: "#!/bin/sh\r\necho hi\r\n", mode: 0o755 },
      { path: "naked", data: "echo hi\n", mode: 0o755 },
      { path: "dynamic", data: dynamicProgram(), mode: 0o755 },
      { path: "foreign", data: foreign, mode: 0o755 },
    ]);
    await host.registry().pushImage("library/broken", ["latest"], image);
    await output("pull", "-q", "broken");
  });

  test.each([
    ["/script", /the interpreter that \/script names, \/opt\/python3, does not exist in the image/],
    ["/crlf", /ends as on Windows \(CRLF\)/],
    ["/naked", /exec format error: \/naked is a text file without a #! line/],
    ["/dynamic", /the dynamic loader that \/dynamic needs, \/lib\S+, does not exist in the image/],
    [
      "/foreign",
      new RegExp(`exec format error: /foreign is built for ${OTHER_ARCHITECTURE}, but this host is`),
    ],
  ])("%s", async (path, reason) => {
    const { code, stderr } = await tsrun("run", "--rm", "broken", path);
    expect(stderr).toMatch(reason);
    expect(stderr).toContain("hint: ");
    expect(code).toBe(126);
  });

  test("an image of another platform", async () => {
    const { code, stderr } = await tsrun(
      "run",
      "--rm",
      "--platform",
      `linux/${OTHER_ARCHITECTURE}`,
      "--pull",
      "always",
      "alpine",
      "true",
    );
    expect(code).toBe(126);
    expect(stderr).toContain(`is built for ${OTHER_ARCHITECTURE}`);
    expect(stderr).toContain("--platform linux/");
    await output("pull", "-q", "alpine");
  });
});

describe("stdin", () => {
  test("-i passes a pipe on to its end", async () => {
    const result = await tsrunWith({ input: "hi\n" }, "run", "--rm", "-i", "busybox", "cat");
    expect(result).toEqual({ code: 0, stdout: "hi\n", stderr: "" });
    const large = "0123456789abcde\n".repeat(100_000);
    expect(await tsrunWith({ input: large }, "run", "--rm", "-i", "busybox", "wc", "-c")).toMatchObject({
      stdout: "1600000\n",
    });
  });

  test("without -i it is empty", async () => {
    expect(await tsrunWith({ input: "hi\n" }, "run", "--rm", "busybox", "cat")).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("-it refuses a pipe", async () => {
    const { code, stderr } = await tsrunWith({ input: "" }, "run", "--rm", "-it", "busybox", "true");
    expect(code).toBe(1);
    expect(stderr).toContain("the input device is not a TTY");
  });
});

describe("environment and identity", () => {
  test("-e and --env-file, later ones winning", async () => {
    const env = file("env", "# comment\nA=file\nB=file\n\nFROM_HOST\nUNSET\n");
    const flags = ["--env-file", env, "-e", "B=flag", "-e", "INHERITED", "--env", "SPACES=a b"];
    const { stdout } = await tsrunWith(
      { env: { FROM_HOST: "yes", INHERITED: "too" } },
      ...["run", "--rm", ...flags, "busybox", "env"],
    );
    const lines = stdout.trim().split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        "A=file",
        "B=flag",
        "FROM_HOST=yes",
        "INHERITED=too",
        "SPACES=a b",
        "HOME=/root",
      ]),
    );
    expect(lines.find((line) => line.startsWith("UNSET"))).toBeUndefined();
  });

  test("--env-file is for the container, not for tsrun", async () => {
    const env = file("private.env", "NODE_OPTIONS=--no-such-option\nTSRUN_ROOT=/nowhere\n");
    const variables = await inside(["--env-file", env], "echo $NODE_OPTIONS $TSRUN_ROOT");
    expect(variables).toBe("--no-such-option /nowhere");
  });

  test("-w makes the directory", async () => {
    expect(await inside(["-w", "/new/place"], "pwd; stat -c %u .")).toBe("/new/place\n0");
  });

  test("-u by name, by number and with a group", async () => {
    const id = 'echo "$(id -u):$(id -g) $(id -G) $HOME"';
    expect(await inside(["-u", "app"], id)).toBe("1000:1000 1000 10 /home");
    expect(await inside(["-u", "4242"], id)).toBe("4242:0 0 /");
    expect(await inside(["-u", "app:video"], id)).toBe("1000:44 44 /home");
    expect(await inside(["-u", "1000:7"], id)).toBe("1000:7 7 /home");
  });

  test("--group-add", async () => {
    expect(await inside(["-u", "app", "--group-add", "video", "--group-add", "777"], "id -G")).toBe(
      "1000 10 44 777",
    );
  });

  test("--entrypoint takes the place of the image's", async () => {
    expect(await output("run", "--rm", "--entrypoint", "echo", "busybox", "a", "b")).toBe("a b");
  });

  test("--hostname and --domainname", async () => {
    const script =
      "hostname; cat /etc/hostname; dnsdomainname -d 2>/dev/null || cat /proc/sys/kernel/domainname; grep box /etc/hosts";
    const lines = (await inside(["--hostname", "box", "--domainname", "example.org"], script)).split("\n");
    expect(lines.slice(0, 2)).toEqual(["box", "box"]);
    expect(lines.at(-1)).toMatch(/^172\.\d+\.\d+\.\d+\tbox/);
    expect(await inside(["--domainname", "example.org"], "cat /proc/sys/kernel/domainname")).toBe(
      "example.org",
    );
  });

  test("the default hostname is the short id, which --cidfile writes down", async () => {
    const cidfile = join(directory, "cid");
    const hostname = await inside(["--cidfile", cidfile], "hostname");
    const id = readFileSync(cidfile, "utf8");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(hostname).toBe(id.slice(0, 12));
    const again = await tsrun("run", "--rm", "--cidfile", cidfile, "busybox", "true");
    expect(again.code).toBe(125);
    expect(again.stderr).toContain(cidfile);
  });

  test("--name and --label are what ps and inspect find it by", async () => {
    await output(
      "run",
      "-d",
      "--name",
      "tagged",
      "--label",
      "tier=web",
      "-l",
      "bare",
      "busybox",
      "sleep",
      "1000",
    );
    expect(await output("ps", "--filter", "label=tier=web", "--format", '{{.Names}} {{.Label "tier"}}')).toBe(
      "tagged web",
    );
    expect(await output("inspect", "-f", '{{index .Config.Labels "tier"}}|{{.Name}}', "tagged")).toBe(
      "web|/tagged",
    );
    await output("rm", "-f", "tagged");
  });
});

describe("files", () => {
  test("-v shows a directory of the host, and :ro keeps it", async () => {
    const data = join(directory, "data");
    mkdirSync(data);
    writeFileSync(join(data, "a"), "from the host\n");
    expect(await inside(["-v", `${data}:/data`], "cat /data/a; echo back >/data/b")).toBe("from the host");
    expect(readFileSync(join(data, "b"), "utf8")).toBe("back\n");
    const refused = await tsrun("run", "--rm", "-v", `${data}:/data:ro`, "busybox", "touch", "/data/c");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("Read-only file system");
    // A relative path starts at the working directory.
    expect(
      (await tsrunWith({ cwd: directory }, "run", "--rm", "-v", "./data:/d", "busybox", "cat", "/d/a"))
        .stdout,
    ).toBe("from the host\n");
  });

  test("-v makes a directory that is missing, --mount does not", async () => {
    await inside(["-v", `${directory}/made:/data`], "touch /data/x");
    expect(readFileSync(join(directory, "made", "x"), "utf8")).toBe("");
    const { code, stderr } = await tsrun(
      "run",
      "--rm",
      "--mount",
      `type=bind,src=${directory}/absent,dst=/data`,
      "busybox",
      "true",
    );
    expect(code).toBe(125);
    expect(stderr).toContain(`bind source path does not exist: ${directory}/absent`);
  });

  test("--mount bind and tmpfs", async () => {
    const source = file("mounted", "a file\n");
    expect(
      await inside(
        ["--mount", `type=bind,source=${source},target=/there/file,readonly`],
        "cat /there/file; echo x >/there/file || true",
      ),
    ).toBe("a file");
    const mounts = await inside(
      ["--mount", "type=tmpfs,dst=/scratch,tmpfs-size=1m,tmpfs-mode=700"],
      "grep ' /scratch ' /proc/mounts; stat -c %a /scratch",
    );
    expect(mounts).toMatch(/^tmpfs \/scratch tmpfs rw,.*size=1024k,mode=700/);
    expect(mounts).toMatch(/\n700$/);
  });

  test("--tmpfs", async () => {
    const mount = await inside(["--tmpfs", "/scratch:size=2m,mode=1770"], "grep ' /scratch ' /proc/mounts");
    expect(mount).toMatch(/tmpfs rw,nosuid,nodev,noexec,relatime,size=2048k,mode=1770/);
    const full = await tsrun(
      "run",
      "--rm",
      "--tmpfs",
      "/scratch:size=1m",
      "busybox",
      "dd",
      "if=/dev/zero",
      "of=/scratch/x",
      "bs=2M",
      "count=1",
    );
    expect(full.stderr).toContain("No space left");
  });

  test("--read-only leaves only mounts writable", async () => {
    const { stdout, stderr } = await tsrun(
      "run",
      "--rm",
      "--read-only",
      "--tmpfs",
      "/tmp",
      "busybox",
      "sh",
      "-c",
      "touch /x; touch /etc/hosts; touch /tmp/ok && echo written; touch /dev/shm/ok && echo shm",
    );
    expect(stderr).toContain("/x: Read-only file system");
    expect(stderr).toContain("/etc/hosts: Read-only file system");
    expect(stdout).toBe("written\nshm\n");
  });

  test("--shm-size", async () => {
    expect(await inside(["--shm-size", "1m"], "df -k /dev/shm | tail -1")).toMatch(/^shm\s+1024 /);
    expect(await inside([], "df -k /dev/shm | tail -1")).toMatch(/^shm\s+65536 /);
  });

  test("--device gives a node and the right to open it", async () => {
    // /dev/kmsg: on every host, not in a container, and with this capability opened by whoever the cgroup lets.
    const syslog = ["--cap-add", "SYSLOG"];
    const open =
      "if (: <$0) 2>/dev/null; then echo read; else echo no; fi; if (: >>$0) 2>/dev/null; then echo write; else echo no; fi";
    const at = (flags: string[], path: string, before = ":") =>
      inside([...syslog, ...flags], `${before}; ${open.replaceAll("$0", path)}`);
    expect(await at([], "/k", "mknod /k c 1 11")).toBe("no\nno");
    expect(await at(["--device", "/dev/kmsg"], "/dev/kmsg", "stat -c '%F %t:%T' /dev/kmsg")).toBe(
      "character special file 1:b\nread\nwrite",
    );
    expect(await at(["--device", "/dev/kmsg:/dev/other:r"], "/dev/other")).toBe("read\nno");
  });
});

describe("names and addresses", () => {
  test("--add-host", async () => {
    expect(
      await inside(
        ["--add-host", "db:10.1.2.3", "--add-host", "v6=[::2]"],
        "grep -E '\\b(db|v6)$' /etc/hosts",
      ),
    ).toBe("10.1.2.3\tdb\n::2\tv6");
  });

  test("--dns, --dns-search and --dns-option", async () => {
    const flags = ["--dns", "10.9.8.7", "--dns-search", "example.org", "--dns-option", "ndots:3"];
    const lines = (await inside(flags, "cat /etc/resolv.conf")).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining(["nameserver 10.9.8.7", "search example.org", "options ndots:3"]),
    );
  });

  test("--sysctl", async () => {
    expect(
      await inside(
        ["--sysctl", "net.ipv4.ip_forward=0", "--sysctl", "kernel.shmmni=1234"],
        "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni",
      ),
    ).toBe("0\n1234");
    const refused = await tsrun("run", "--rm", "--sysctl", "vm.swappiness=1", "busybox", "true");
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain("sysctl 'vm.swappiness' is not allowed");
  });
});

describe("privileges", () => {
  const capabilities = (flags: string[]) => inside(flags, "grep CapEff /proc/self/status | cut -f2");
  const DEFAULT = 0xa80425fbn;
  const has = (mask: string, number: number): boolean =>
    ((BigInt(`0x${mask}`) >> BigInt(number)) & 1n) === 1n;

  test("--cap-add and --cap-drop", async () => {
    expect(BigInt(`0x${await capabilities(["--cap-add", "NET_ADMIN"])}`)).toBe(DEFAULT | (1n << 12n));
    expect(BigInt(`0x${await capabilities(["--cap-drop", "CAP_CHOWN"])}`)).toBe(DEFAULT & ~1n);
    expect(await capabilities(["--cap-drop", "ALL"])).toBe("0000000000000000");
    expect(await capabilities(["--cap-drop", "all", "--cap-add", "net_bind_service"])).toBe(
      "0000000000000400",
    );
    expect(await inside([], "ip link set lo down 2>/dev/null || echo refused")).toBe("refused");
    expect(
      (await tsrun("run", "--rm", "--cap-drop", "chown", "busybox", "chown", "1", "/etc")).stderr,
    ).toContain("Operation not permitted");
    expect(await inside(["--cap-add", "net_admin"], "ip link set lo down && echo done")).toBe("done");
  });

  test("a user other than root has none", async () => {
    expect(await capabilities(["-u", "app"])).toBe("0000000000000000");
  });

  test("--privileged", async () => {
    const script =
      "grep -E 'CapEff|Seccomp:' /proc/self/status; mount -t tmpfs t /mnt 2>/dev/null || mount -t tmpfs t /var; echo mounted; test -e /dev/kmsg && echo devices; : >>/proc/sys/kernel/hostname && echo writable";
    const shown = await inside(["--privileged"], script);
    expect(shown).toMatch(/Seccomp:\t0/);
    expect(has(/CapEff:\t([0-9a-f]+)/.exec(shown)?.[1] as string, 21)).toBe(true); // CAP_SYS_ADMIN
    expect(shown.split("\n").slice(-3)).toEqual(["mounted", "devices", "writable"]);
  });

  test("--security-opt no-new-privileges", async () => {
    expect(await inside(["--security-opt", "no-new-privileges"], "grep NoNewPrivs /proc/self/status")).toBe(
      "NoNewPrivs:\t1",
    );
    expect(await inside([], "grep NoNewPrivs /proc/self/status")).toBe("NoNewPrivs:\t0");
  });

  test("--security-opt seccomp", async () => {
    expect(await inside(["--security-opt", "seccomp=unconfined"], "grep Seccomp: /proc/self/status")).toBe(
      "Seccomp:\t0",
    );
    const profile = file(
      "seccomp.json",
      JSON.stringify({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }],
      }),
    );
    expect(
      (await tsrun("run", "--rm", "--security-opt", `seccomp=${profile}`, "busybox", "mkdir", "/x")).stderr,
    ).toContain("Function not implemented");
  });

  test("--security-opt systempaths=unconfined shows what is masked otherwise", async () => {
    const masked = "stat -c %F /proc/timer_list; grep -c ' /proc/sys ' /proc/mounts";
    expect(await inside([], masked)).toMatch(/character special file\n1/);
    expect(await inside(["--security-opt", "systempaths=unconfined"], `${masked} || true`)).toMatch(
      /^regular.*file\n0/,
    );
  });

  test("--ulimit", async () => {
    expect(
      await inside(["--ulimit", "nofile=100:200", "--ulimit", "core=0"], "ulimit -Sn; ulimit -Hn; ulimit -c"),
    ).toBe("100\n200\n0");
  });

  test("--oom-score-adj", async () => {
    expect(await inside(["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj")).toBe("500");
  });
});

describe("processes", () => {
  test("--init is pid 1, reaps and passes signals on", async () => {
    // The orphan falls to pid 1; sleep does not expect children and leaves it a zombie.
    const orphan = ["busybox", "sh", "-c", "(sleep 0.05 &); exec sleep 1000"];
    const sleepers = (name: string, state: string): Promise<string> =>
      output("exec", name, "sh", "-c", `cat /proc/[0-9]*/stat | grep -c '(sleep) ${state} ' || true`);
    await output("run", "-d", "--name", "without", ...orphan);
    await output("run", "-d", "--name", "with", "--init", ...orphan);
    expect(await output("exec", "with", "cat", "/proc/1/comm")).toBe("init");
    await expect.poll(() => sleepers("without", "Z")).toBe("1");
    await expect.poll(() => sleepers("with", "[SZ]")).toBe("1");
    expect(await sleepers("with", "Z")).toBe("0");
    const before = performance.now();
    await output("stop", "with");
    expect(performance.now() - before).toBeLessThan(8_000);
    expect(await output("inspect", "-f", "{{.State.ExitCode}}", "with")).toBe("143");
    await output("rm", "-f", "with", "without");
  });

  test("--stop-signal and --stop-timeout are what stop goes by", async () => {
    const trap = "trap 'echo got usr1; exit 3' USR1; echo ready; while :; do sleep 0.05; done";
    const running = host.start(
      {},
      "run",
      "--name",
      "usr1",
      "--stop-signal",
      "SIGUSR1",
      "busybox",
      "sh",
      "-c",
      trap,
    );
    await running.until(/ready/);
    await output("stop", "usr1");
    expect(await running.result).toMatchObject({ code: 3, stdout: "ready\ngot usr1\n" });
    await output("rm", "usr1");

    await output("run", "-d", "--name", "deaf", "--stop-timeout", "1", "busybox", "sleep", "1000");
    const before = performance.now();
    await output("stop", "deaf");
    expect(performance.now() - before).toBeLessThan(8_000);
    expect(await output("inspect", "-f", "{{.State.ExitCode}}", "deaf")).toBe("137");
    await output("rm", "deaf");
  });

  test("-d prints the id and leaves it running", async () => {
    const id = await output("run", "-d", "busybox", "sh", "-c", "echo started; sleep 1000");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await output("ps", "-q", "--no-trunc")).toBe(id);
    expect(await output("inspect", "-f", "{{.State.Running}} {{.State.Status}}", id)).toBe("true running");
    await output("rm", "-f", id);
  });

  test("-d --rm goes away by itself", async () => {
    const id = await output("run", "-d", "--rm", "busybox", "sleep", "0.2");
    await expect.poll(() => host.containers(), { timeout: 10_000 }).not.toContain(id);
  });

  test("without --rm it stays, with its files and its exit code", async () => {
    expect((await tsrun("run", "--name", "kept", "busybox", "sh", "-c", "echo x >/file; exit 4")).code).toBe(
      4,
    );
    expect(await output("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toMatch(
      /^kept Exited \(4\) .* ago$/,
    );
    await output("rm", "kept");
    expect(host.containers()).toEqual([]);
  });
});

describe("which image", () => {
  test("--pull never takes what is there and nothing else", async () => {
    expect(await output("run", "--rm", "--pull", "never", "busybox", "echo", "here")).toBe("here");
    const { code, stderr } = await tsrun("run", "--rm", "--pull", "never", "busybox:1", "true");
    expect(code).toBe(125);
    expect(stderr).toContain("No such image: busybox:1");
  });

  test("--pull always asks the registry", async () => {
    const { code, stderr } = await tsrun("run", "--rm", "--pull", "always", "busybox", "true");
    expect(code).toBe(0);
    expect(stderr).toContain("Image is up to date for busybox:latest");
  });

  test("-q says nothing of a pull", async () => {
    expect(await tsrun("run", "--rm", "-q", "busybox:1", "echo", "quiet")).toEqual({
      code: 0,
      stdout: "quiet\n",
      stderr: "",
    });
  });

  test("--platform that the image does not have", async () => {
    const { code, stderr } = await tsrun("run", "--rm", "--platform", "linux/riscv64", "alpine", "true");
    expect(code).toBe(125);
    expect(stderr).toContain("linux/riscv64");
    expect(host.containers()).toEqual([]);
  });

  test("an id, or its first digits", async () => {
    const id = await output("images", "-q", "--no-trunc", "busybox:latest");
    expect(await output("run", "--rm", id, "echo", "by id")).toBe("by id");
    expect(await output("run", "--rm", id.slice(7, 19), "echo", "by prefix")).toBe("by prefix");
  });
});
