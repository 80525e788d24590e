import { statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: ["busybox", "alpine"] });
const { output, tsrun, tsrunWith } = host;

const start = (name: string, ...more: string[]): Promise<string> =>
  output("run", "-d", "--name", name, ...more, "busybox", "sleep", "1000");
const state = (name: string): Promise<string> =>
  output("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
const lines = (text: string): string[] => (text === "" ? [] : text.split("\n"));

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("ps", () => {
  test("shows what runs, -a everything, newest first", async () => {
    await start("first");
    await tsrun("run", "--name", "second", "alpine", "sh", "-c", "exit 2");
    const [head, row, ...rest] = lines(await output("ps"));
    expect(head).toMatch(/^CONTAINER ID\s+IMAGE\s+COMMAND\s+CREATED\s+STATUS\s+PORTS\s+NAMES$/);
    expect(row).toMatch(/^[0-9a-f]{12}\s+busybox\s+"sleep 1000"\s+.* ago\s+Up .*\s+first$/);
    expect(rest).toEqual([]);
    const all = lines(await output("ps", "-a")).slice(1);
    expect(all.map((line) => line.split(/\s+/).at(-1))).toEqual(["second", "first"]);
    expect(all[0]).toMatch(/alpine\s+"sh -c 'exit 2'"\s+.*Exited \(2\) .* ago/);
    // Without the times, which are those of the moment.
    const timeless = ["-a", "--format", "{{.ID}} {{.Image}} {{.Command}} {{.State}} {{.Names}}"];
    expect(await output("container", "ls", ...timeless)).toBe(await output("ps", ...timeless));
  });

  test("-q, --no-trunc, -n, -l and -s", async () => {
    const ids = [await start("one"), await start("two"), await start("three")].reverse();
    expect(lines(await output("ps", "-q"))).toEqual(ids.map((id) => id.slice(0, 12)));
    expect(lines(await output("ps", "-q", "--no-trunc"))).toEqual(ids);
    await output("kill", "two");
    expect(lines(await output("ps", "-n", "2", "--format", "{{.Names}}"))).toEqual(["three", "two"]);
    expect(await output("ps", "-lq", "--no-trunc")).toBe(ids[0]);
    await output("exec", "three", "dd", "if=/dev/zero", "of=/file", "bs=1000", "count=5");
    const [heading, row] = lines(await output("ps", "-s", "-l"));
    expect(heading).toMatch(/NAMES\s+SIZE$/);
    expect(row).toMatch(/5(\.\d+)?kB \(virtual \d+(\.\d+)?MB\)$/);
  });

  test("filters", async () => {
    await start("web-1", "--label", "tier=web");
    await start("db", "--label", "tier=db", "--network", "none");
    await tsrun("run", "--name", "web-2", "--label", "tier=web", "alpine", "sh", "-c", "exit 3");
    const names = async (...filters: string[]): Promise<string[]> =>
      lines(
        await output(
          "ps",
          "-a",
          "--format",
          "{{.Names}}",
          ...filters.flatMap((filter) => ["--filter", filter]),
        ),
      );
    expect(await names("name=web")).toEqual(["web-2", "web-1"]);
    expect(await names("name=^db$")).toEqual(["db"]);
    expect(await names("label=tier=web", "status=running")).toEqual(["web-1"]);
    expect(await names("status=exited")).toEqual(["web-2"]);
    expect(await names("exited=3")).toEqual(["web-2"]);
    expect(await names("ancestor=alpine")).toEqual(["web-2"]);
    expect(await names("network=none")).toEqual(["db"]);
    expect(await names("before=db")).toEqual(["web-1"]);
    expect(await names("since=web-1")).toEqual(["web-2", "db"]);
    expect(await names("status=running", "status=exited")).toEqual(["web-2", "db", "web-1"]);
    expect(await tsrun("ps", "--filter", "colour=red")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("colour"),
    });
  });

  test("--format: templates, tables and JSON lines", async () => {
    const id = await start("formatted", "-l", "a=b");
    expect(await output("ps", "--format", '{{.ID}}: {{.Image}} {{.Command}} {{.State}} {{.Label "a"}}')).toBe(
      `${id.slice(0, 12)}: busybox "sleep 1000" running b`,
    );
    expect(await output("ps", "--format", "table {{.Names}}\t{{.Image}}")).toBe(
      "NAMES       IMAGE\nformatted   busybox",
    );
    const [row] = lines(await output("ps", "--format", "json")).map((line) => JSON.parse(line));
    expect(row).toMatchObject({
      ID: id.slice(0, 12),
      Names: "formatted",
      Image: "busybox",
      State: "running",
      Labels: "a=b",
      Networks: "bridge",
      Ports: "",
    });
    expect(await tsrun("ps", "--format", "{{.Nonsense}}")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Nonsense"),
    });
  });
});

describe("logs", () => {
  const talk = "echo one; echo two >&2; echo three";

  test("are what the container wrote, each stream on its own", async () => {
    const { stdout, stderr } = await tsrun("run", "--name", "talker", "busybox", "sh", "-c", talk);
    expect({ stdout, stderr }).toEqual({ stdout: "one\nthree\n", stderr: "two\n" });
    expect(await tsrun("logs", "talker")).toEqual({ code: 0, stdout: "one\nthree\n", stderr: "two\n" });
    expect((await tsrun("container", "logs", "talker")).stdout).toBe("one\nthree\n");
  });

  test("-t, --tail and -n", async () => {
    await tsrun("run", "--name", "counter", "busybox", "seq", "1", "5");
    expect(await output("logs", "--tail", "2", "counter")).toBe("4\n5");
    expect(await output("logs", "-n", "0", "counter")).toBe("");
    expect(await output("logs", "-n", "all", "counter")).toBe("1\n2\n3\n4\n5");
    expect(await output("logs", "-t", "-n1", "counter")).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z 5$/,
    );
  });

  test("--since and --until", async () => {
    await start("slow");
    await output("rm", "-f", "slow");
    await tsrun("run", "--name", "slow", "busybox", "sh", "-c", "echo early; sleep 1.2; echo late");
    const late = (await output("logs", "-t", "-n1", "slow")).split(" ")[0] as string;
    expect(await output("logs", "--since", late, "slow")).toBe("late");
    expect(await output("logs", "--until", new Date(Date.parse(late) - 600).toISOString(), "slow")).toBe(
      "early",
    );
    expect(await output("logs", "--since", "10m", "slow")).toBe("early\nlate");
  });

  test("-f follows until the end", async () => {
    await output(
      "run",
      "-d",
      "--name",
      "ticker",
      "busybox",
      "sh",
      "-c",
      "for i in 1 2 3; do echo $i; sleep 0.2; done",
    );
    expect(await output("logs", "-f", "ticker")).toBe("1\n2\n3");
    await output(
      "run",
      "-d",
      "--name",
      "endless",
      "busybox",
      "sh",
      "-c",
      "i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done",
    );
    const following = host.start({}, "logs", "-f", "--tail", "0", "endless");
    await following.until(/\n\d+\n/);
    await output("kill", "endless");
    expect((await following.result).code).toBe(0);
  });

  test("are rotated, so that they do not fill the disk", async () => {
    const flags = ["--log-opt", "max-size=20k", "--log-opt", "max-file=3"];
    await tsrun("run", "--name", "chatty", ...flags, "busybox", "seq", "10000", "14999");
    const file = await output("inspect", "-f", "{{.LogPath}}", "chatty");
    const sizes = [file, `${file}.1`, `${file}.2`].map((path) => statSync(path).size);
    expect(Math.max(...sizes)).toBeLessThan(21_000);
    expect(() => statSync(`${file}.3`)).toThrow("ENOENT");
    const kept = lines(await output("logs", "chatty")).map(Number);
    expect(kept.at(-1)).toBe(14_999);
    expect(kept).toEqual(Array.from(kept, (_, index) => 15_000 - kept.length + index));
    expect(kept.length).toBeGreaterThan(200);
  });

  test("of --log-driver none are not there, and it says so", async () => {
    await tsrun("run", "--name", "silent", "--log-driver", "none", "busybox", "echo", "x");
    expect(await tsrun("logs", "silent")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("--log-driver none"),
    });
  });

  test("keep what has no newline, and what is not text", async () => {
    await tsrun("run", "--name", "raw", "busybox", "printf", "no newline");
    expect((await tsrun("logs", "raw")).stdout).toBe("no newline");
  });
});

describe("stop, kill and rm", () => {
  test("stop sends SIGTERM, then after the time given SIGKILL", async () => {
    await output(
      "run",
      "-d",
      "--name",
      "polite",
      "busybox",
      "sh",
      "-c",
      "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done",
    );
    await expect.poll(() => output("logs", "polite")).toBe("ready");
    expect(await output("stop", "polite")).toBe("polite");
    expect(await state("polite")).toBe("exited 0");
    await start("deaf");
    const before = performance.now();
    expect(await output("stop", "-t", "1", "deaf")).toBe("deaf");
    expect(performance.now() - before).toBeGreaterThan(1_000);
    expect(await state("deaf")).toBe("exited 137");
    // Again is no error.
    expect(await output("container", "stop", "deaf", "polite")).toBe("deaf\npolite");
  });

  test("several are stopped at once", async () => {
    const names = ["a1", "a2", "a3"];
    for (const name of names) await start(name);
    const before = performance.now();
    expect(lines(await output("stop", "-t", "2", ...names))).toEqual(names);
    expect(performance.now() - before).toBeLessThan(5_500);
  });

  test("kill ends at once", async () => {
    await start("victim");
    expect(await output("kill", "victim")).toBe("victim");
    expect(await state("victim")).toBe("exited 137");
  });

  test("rm takes what has ended, -f what runs", async () => {
    await tsrun("run", "--name", "done", "busybox", "true");
    const id = await start("busy");
    expect(await output("rm", "done")).toBe("done");
    const refused = await tsrun("rm", "busy");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain('cannot remove container "/busy": container is running');
    expect(await output("rm", "-f", id.slice(0, 6))).toBe(id.slice(0, 6));
    expect(await tsrun("rm", "busy")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No such container: busy"),
    });
    expect(await tsrun("rm", "-f", "busy")).toMatchObject({ code: 0 });
    expect(host.containers()).toEqual([]);
  });

  test("one that fails does not keep the others from it", async () => {
    await tsrun("run", "--name", "x1", "busybox", "true");
    await tsrun("run", "--name", "x2", "busybox", "true");
    const { code, stdout, stderr } = await tsrun("rm", "x1", "missing", "x2");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "x1\nx2\n" });
    expect(stderr).toContain("No such container: missing");
  });

  test("the end of pid 1 is the end of all its processes", async () => {
    const id = await output("run", "-d", "busybox", "sh", "-c", "sleep 1234567 & sleep 0.3");
    await expect.poll(() => state(id)).toBe("exited 0");
    expect((await host.shell("pgrep -f 'sleep 123456[7]'")).stdout).toBe("");
  });
});

describe("exec", () => {
  test("runs in the container, with its environment, user and directory", async () => {
    await output(
      "run",
      "-d",
      "--name",
      "target",
      "-e",
      "FROM=run",
      "-w",
      "/tmp",
      "-u",
      "app",
      "busybox",
      "sleep",
      "1000",
    );
    expect(await output("exec", "target", "sh", "-c", "echo $FROM $(pwd) $(id -un) $HOME")).toBe(
      "run /tmp app /home",
    );
    expect(
      await output(
        "exec",
        "-e",
        "FROM=exec",
        "-e",
        "MORE=1",
        "-w",
        "/etc",
        "-u",
        "0",
        "target",
        "sh",
        "-c",
        "echo $FROM $MORE $(pwd) $(id -un)",
      ),
    ).toBe("exec 1 /etc root");
    expect((await tsrun("exec", "target", "sh", "-c", "exit 42")).code).toBe(42);
    expect((await tsrun("exec", "target", "sh", "-c", "kill -9 $$")).code).toBe(137);
    const both = await tsrun("exec", "target", "sh", "-c", "echo out; echo err >&2");
    expect(both).toEqual({ code: 0, stdout: "out\n", stderr: "err\n" });
  });

  test("-i passes stdin on; without it there is none", async () => {
    await start("target");
    expect((await tsrunWith({ input: "piped\n" }, "exec", "-i", "target", "cat")).stdout).toBe("piped\n");
    expect((await tsrunWith({ input: "piped\n" }, "exec", "target", "cat")).stdout).toBe("");
  });

  test("-t gives it a terminal", async () => {
    await start("target");
    expect((await tsrun("exec", "-t", "target", "tty")).stdout).toMatch(/^\/dev\/pts\/\d+\r\n$/);
    expect((await tsrun("exec", "target", "tty")).stdout).toBe("not a tty\n");
    expect(await tsrunWith({ input: "" }, "exec", "-it", "target", "tty")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("not a TTY"),
    });
  });

  test("-d returns at once and leaves it running", async () => {
    await start("target");
    expect(await output("exec", "-d", "target", "sh", "-c", "sleep 0.2; echo later >/tmp/done")).toBe("");
    await expect
      .poll(() => output("exec", "target", "sh", "-c", "cat /tmp/done 2>/dev/null || true"))
      .toBe("later");
  });

  test("has the container's limits on what it may do; --privileged lifts them", async () => {
    await start("target");
    const status = ["sh", "-c", "grep -E 'CapEff|Seccomp:' /proc/self/status | cut -f2 | xargs"];
    expect(await output("exec", "target", ...status)).toBe("00000000a80425fb 2");
    const [capabilities, seccomp] = (await output("exec", "--privileged", "target", ...status)).split(" ");
    expect(BigInt(`0x${capabilities}`) & (1n << 21n)).toBe(1n << 21n);
    expect(seccomp).toBe("0");
  });

  test("is killed with the container", async () => {
    await start("target");
    const running = host.start({}, "exec", "target", "sh", "-c", "echo ready; sleep 1000");
    await running.until(/ready/);
    await output("kill", "target");
    expect((await running.result).code).toBe(137);
  });

  test("says what is wrong, with docker's exit codes", async () => {
    await start("target");
    expect(await tsrun("exec", "target", "nosuch")).toMatchObject({
      code: 127,
      stderr: expect.stringContaining('"nosuch"'),
    });
    expect(await tsrun("exec", "target", "/etc/passwd")).toMatchObject({
      code: 126,
      stderr: expect.stringContaining("permission denied"),
    });
    expect(await tsrun("exec", "-u", "ghost", "target", "true")).toMatchObject({
      code: 126,
      stderr: expect.stringContaining("unable to find user ghost"),
    });
    expect(await tsrun("exec", "-w", "/no/where", "target", "true")).toMatchObject({
      stderr: expect.stringContaining("/no/where"),
    });
    await output("kill", "target");
    expect(await tsrun("exec", "target", "true")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is not running"),
    });
    expect(await tsrun("exec", "missing", "true")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No such container: missing"),
    });
  });
});

describe("inspect", () => {
  test("is docker's document", async () => {
    const id = await output(
      "run",
      "-d",
      "--name",
      "seen",
      "-e",
      "A=b",
      "-l",
      "k=v",
      "-v",
      `${host.directory}:/data:ro`,
      "--hostname",
      "box",
      "busybox",
      "sleep",
      "1000",
    );
    const [document] = JSON.parse(await output("inspect", "seen"));
    expect(document).toMatchObject({
      Id: id,
      Name: "/seen",
      Path: "sleep",
      Args: ["1000"],
      State: {
        Status: "running",
        Running: true,
        OOMKilled: false,
        ExitCode: 0,
        FinishedAt: "0001-01-01T00:00:00Z",
      },
      Config: {
        Hostname: "box",
        Env: expect.arrayContaining(["A=b"]),
        Labels: { k: "v" },
        Image: "busybox",
        Cmd: ["sleep", "1000"],
      },
      HostConfig: { Binds: [`${host.directory}:/data:ro`], NetworkMode: "bridge", Privileged: false },
      Mounts: [{ Type: "bind", Source: host.directory, Destination: "/data", RW: false }],
    });
    expect(document.State.Pid).toBeGreaterThan(1);
    expect(document.NetworkSettings.IPAddress).toBe((await output("exec", "seen", "hostname", "-i")).trim());
    expect(document.LogPath.startsWith(join(host.root, "containers", id))).toBe(true);
  });

  test("-f, --size, --type and several names", async () => {
    await start("one");
    await start("two");
    expect(await output("inspect", "-f", "{{.Name}} {{json .Config.Cmd}}", "one", "two")).toBe(
      '/one ["sleep","1000"]\n/two ["sleep","1000"]',
    );
    expect(await output("inspect", "-s", "-f", "{{.SizeRw}} {{gt .SizeRootFs 1000000}}", "one")).toMatch(
      /^\d+ true$/,
    );
    expect(await output("inspect", "-f", "{{range .Config.Env}}{{println .}}{{end}}", "one")).toContain(
      "PATH=",
    );
    expect(await output("inspect", "--type", "image", "-f", "{{.Os}}", "busybox")).toBe("linux");
    const { code, stdout, stderr } = await tsrun("inspect", "-f", "{{.Name}}", "one", "nothing");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "/one\n" });
    expect(stderr).toContain("nothing");
  });
});

describe("names and ids", () => {
  test("a name is taken once", async () => {
    const id = await start("unique");
    const { code, stderr } = await tsrun("run", "--name", "unique", "busybox", "true");
    expect(code).toBe(125);
    expect(stderr).toContain(`The container name "/unique" is already in use by container "${id}"`);
    await output("rm", "-f", "unique");
    await start("unique");
  });

  test("of ten at once with one name, one gets it", async () => {
    const results = await Promise.all(
      Array.from({ length: 6 }, () => tsrun("run", "-d", "--name", "race", "busybox", "sleep", "1000")),
    );
    expect(results.map(({ code }) => code).sort()).toEqual([0, 125, 125, 125, 125, 125]);
    expect(host.containers()).toHaveLength(1);
  });

  test("without one it gets one", async () => {
    const id = await output("run", "-d", "busybox", "sleep", "1000");
    expect(await output("inspect", "-f", "{{.Name}}", id)).toMatch(/^\/[a-z]+_[a-z]+\d?$/);
  });

  test("the beginning of an id is enough where only one has it", async () => {
    const ids = [await start("p1"), await start("p2")] as [string, string];
    expect(await output("inspect", "-f", "{{.Name}}", ids[1].slice(0, 8))).toBe("/p2");
    // With enough containers, one digit is ambiguous: seventeen would be needed to be sure, so look for a pair first.
    const same = ids[0][0] === ids[1][0];
    const { code, stderr } = await tsrun("inspect", ids[0].slice(0, 1));
    expect({ code, ambiguous: /multiple containers begin with/.test(stderr) }).toEqual({
      code: same ? 1 : 0,
      ambiguous: same,
    });
  });
});
