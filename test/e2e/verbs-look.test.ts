/** top, port, ps, inspect and logs: what can be seen of a container. */
import { afterEach, describe, expect, test } from "vitest";
import { Engine, loadConfig } from "../../src/index.ts";
import { useHost } from "./support/host.ts";

const IMAGE = "tsrun/base";
const host = useHost({ pull: [IMAGE, "busybox"] });
const { output, tsrun, tsrunWith } = host;
const engine = new Engine({
  paths: { root: host.root, run: host.run },
  config: loadConfig({ TSRUN_CONFIG: "" }),
});
const start = (name: string, ...words: string[]): Promise<string> =>
  output("run", "-d", "--network", "none", "--name", name, IMAGE, ...words);
const lines = (text: string): string[] => text.split("\n").map((line) => line.trim());

afterEach(async () => {
  const ids = host.containers();
  if (ids.length > 0) await output("rm", "-f", ...ids);
});

describe("top", () => {
  test("shows the container's processes and no others, as ps -ef does", async () => {
    await start("busy", "sh", "-c", "sleep 1001 & exec sleep 1002");
    await start("other", "sleep", "1003");
    await expect.poll(async () => lines(await output("top", "busy")).length).toBe(3);
    const [heading, ...rows] = lines(await output("top", "busy"));
    expect(heading).toMatch(/^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
    expect(rows.map((row) => row.split(/ {2,}/).at(-1)).sort()).toEqual(["sleep 1001", "sleep 1002"]);
    expect(rows.map((row) => row.split(/ +/)[1])).toContain(
      await output("inspect", "-f", "{{.State.Pid}}", "busy"),
    );
  });

  test("takes the options of ps", async () => {
    await start("busy", "sleep", "1001");
    expect(lines(await output("top", "busy", "-o", "pid,args"))[1]).toMatch(/^\d+ +sleep 1001$/);
    expect(lines(await output("top", "busy", "-eo", "comm"))).toEqual(["COMMAND", "sleep"]);
    expect(lines(await output("container", "top", "busy", "aux"))[0]).toMatch(/^USER +PID +%CPU/);
    await output("exec", "-d", "busy", "sleep", "1005");
    await expect.poll(() => output("top", "busy", "-eo", "pid,args")).toContain("sleep 1005");
  });

  test("works while it is paused", async () => {
    await start("busy", "sleep", "1001");
    await output("pause", "busy");
    expect(await output("top", "busy")).toContain("sleep 1001");
  });

  test("says what is wrong", async () => {
    await output("create", "--name", "made", IMAGE);
    await start("busy", "sleep", "1001");
    expect(await tsrun("top", "made")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is not running"),
    });
    expect(await tsrun("top", "nobody")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No such container: nobody"),
    });
    expect(await tsrun("top", "busy", "--nonsense")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("ps --nonsense failed"),
    });
    const node = `${process.cwd()}/node_modules/.bin`;
    expect(await tsrunWith({ env: { PATH: node } }, "top", "busy")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("this host has no ps command"),
    });
  });
});

describe("port", () => {
  test("of a container that publishes none", async () => {
    await start("quiet", "sleep", "1000");
    expect(await tsrun("port", "quiet")).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await tsrun("container", "port", "quiet", "80")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no public port '80/tcp' published for quiet"),
    });
    expect((await tsrun("port", "quiet", "53/UDP")).stderr).toContain("'53/udp'");
    expect(await tsrun("port", "quiet", "http")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("invalid port 'http'"),
    });
    expect(await tsrun("port", "nobody")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("No such container: nobody"),
    });
  });
});

describe("ps", () => {
  test("filters that docker has, on containers that run, are paused, made or over", async () => {
    await start("runs", "sleep", "1000");
    await start("still", "sleep", "1000");
    await output("pause", "still");
    await output("create", "--name", "made", "busybox", "true");
    await tsrun("run", "--network", "none", "--name", "over", IMAGE, "sh", "-c", "exit 3");
    const names = async (...filters: string[]): Promise<string> => {
      const flags = filters.flatMap((filter) => ["--filter", filter]);
      return (await output("ps", "-a", "--format", "{{.Names}}", ...flags)).split("\n").sort().join(" ");
    };
    expect(await names("status=paused")).toBe("still");
    expect(await names("status=running")).toBe("runs");
    expect(await names("status=created")).toBe("made");
    expect(await names("status=exited", "exited=3")).toBe("over");
    expect(await names("ancestor=busybox")).toBe("made");
    expect(await names("health=none")).toBe("made over runs still");
    expect(await names("health=healthy")).toBe("");
    expect(await names("is-task=true")).toBe("");
    expect(await names("publish=80")).toBe("");
    expect(await names("expose=1-65535")).toBe("");
    expect((await output("ps", "--format", "{{.Names}}")).split("\n")).toEqual(["still", "runs"]);
    expect((await output("ps", "-a", "--format", "{{.Names}}: {{.State}}")).split("\n")).toEqual([
      "over: exited",
      "made: created",
      "still: paused",
      "runs: running",
    ]);
  });
});

describe("inspect", () => {
  test("--type asks for one kind of thing alone", async () => {
    await output("create", "--name", "busybox", "busybox", "true");
    expect(await output("inspect", "-f", "{{.Name}}", "busybox")).toBe("/busybox");
    expect(await output("inspect", "--type", "image", "-f", "{{.Os}}", "busybox")).toBe("linux");
    expect(await output("inspect", "--type", "container", "-f", "{{.Name}}", "busybox")).toBe("/busybox");
    expect(await tsrun("inspect", "--type", "container", "tsrun/base")).toMatchObject({
      code: 1,
      stdout: "[]\n",
    });
    expect((await tsrun("inspect", "--type", "planet", "busybox")).code).toBe(125);
  });

  test("answers templates that ask for what is not there", async () => {
    await output("create", "--name", "plain", "busybox", "true");
    const look = (template: string) => output("inspect", "-f", template, "plain");
    expect(await look("{{if .State.Health}}{{.State.Health.Status}}{{else}}no check{{end}}")).toBe(
      "no check",
    );
    expect(await look("{{json .Config.Healthcheck}} {{.SizeRw}} {{.HostConfig.Init}}")).toBe(
      "null <nil> <nil>",
    );
    expect(await look("{{.HostConfig.Sysctls}}{{.Config.Volumes}}{{.ExecIDs}}")).toBe("map[]map[][]");
    const [document] = JSON.parse(await output("inspect", "plain"));
    expect(document.State).not.toHaveProperty("Health");
    expect(document).toMatchObject({ ExecIDs: null, Config: { Volumes: null } });
    expect(await tsrun("inspect", "-f", "{{.State.Helth}}", "plain")).toMatchObject({ code: 1, stdout: "" });
  });

  test("has docker's fields", async () => {
    await start("seen", "sleep", "1000");
    const [document] = JSON.parse(await output("inspect", "--size", "seen"));
    const fields = (text: string): string[] => text.split(" ");
    expect(Object.keys(document)).toEqual(
      expect.arrayContaining(
        fields(
          "Id Created Path Args State Image ResolvConfPath HostnamePath HostsPath LogPath Name RestartCount Driver Platform MountLabel ProcessLabel AppArmorProfile ExecIDs HostConfig GraphDriver SizeRw SizeRootFs Mounts Config NetworkSettings",
        ),
      ),
    );
    expect(Object.keys(document.State)).toEqual(
      expect.arrayContaining(
        fields("Status Running Paused Restarting OOMKilled Dead Pid ExitCode Error StartedAt FinishedAt"),
      ),
    );
    expect(Object.keys(document.NetworkSettings)).toEqual(
      expect.arrayContaining(
        fields(
          "Bridge SandboxID HairpinMode Ports SandboxKey Gateway IPAddress IPPrefixLen MacAddress Networks",
        ),
      ),
    );
  });
});

describe("logs", () => {
  test("-f goes on across rotations and a restart, and ends with the container", async () => {
    // In bursts: what is written faster than it is read may be rotated away before.
    const script =
      "n=$(cat /n 2>/dev/null || echo 0); for burst in $(seq 10); do for i in $(seq 40); do n=$((n + 1)); echo line $n; done; sleep 0.1; done; echo $n >/n; sleep 0.4";
    const flags = ["--log-opt", "max-size=8k", "--log-opt", "max-file=3"];
    const id = await output(
      "create",
      "--network",
      "none",
      "--name",
      "chatty",
      ...flags,
      IMAGE,
      "sh",
      "-c",
      script,
    );
    const first = await engine.start(id);
    const following = host.start({}, "logs", "-f", "--tail", "0", "chatty");
    await first.exited;
    const second = await engine.start(id);
    await second.exited;
    const { code, stdout } = await following.result;
    expect(code).toBe(0);
    const numbers = stdout
      .trim()
      .split("\n")
      .map((line) => Number(line.split(" ")[1]));
    expect(numbers.at(-1)).toBe(800);
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] as number) + index));
    expect(numbers.length).toBeGreaterThanOrEqual(400);
    // The tail goes back through files that were rotated.
    expect((await output("logs", "--tail", "150", "chatty")).split("\n")).toHaveLength(150);
  });

  test("--since and --until to the nanosecond", async () => {
    await tsrun(
      "run",
      "--network",
      "none",
      "--name",
      "three",
      IMAGE,
      "sh",
      "-c",
      "echo 1; sleep 0.1; echo 2; sleep 0.1; echo 3",
    );
    const times = (await output("logs", "-t", "three"))
      .split("\n")
      .map((line) => line.split(" ")[0] as string);
    expect(await output("logs", "--since", times[1] as string, "three")).toBe("2\n3");
    expect(await output("logs", "--until", times[1] as string, "three")).toBe("1\n2");
    expect(await output("logs", "--since", times[1] as string, "--until", times[1] as string, "three")).toBe(
      "2",
    );
  });

  test("-f --until ends at that time, although the container goes on", async () => {
    await start("endless", "sh", "-c", "while :; do echo x; sleep 0.1; done");
    const begun = performance.now();
    const { code, stdout } = await tsrun(
      "logs",
      "-f",
      "--until",
      new Date(Date.now() + 1000).toISOString(),
      "endless",
    );
    expect(code).toBe(0);
    expect(stdout).toContain("x\n");
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});
