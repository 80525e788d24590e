/** Restart policies, the stopping verbs among them, and life after a boot: everything without a daemon. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  eventually,
  killNow,
  listed,
  monitorsOf,
  processesOf,
  randomNumbers,
  remains,
  removeAll,
  SEED,
  untruths,
} from "./support/crash.ts";
import { useHost } from "./support/host.ts";

const host = useHost({ pull: [] });
const IMAGE = "tsrun/base";

beforeAll(async () => {
  await host.output("pull", "-q", IMAGE);
});
afterEach(async () => {
  expect(await removeAll(host)).toEqual([]);
});

interface State {
  Status: string;
  Running: boolean;
  Restarting: boolean;
  ExitCode: number;
  Error: string;
  Pid: number;
  StartedAt: string;
  FinishedAt: string;
}

const inspect = async (name: string): Promise<{ State: State; RestartCount: number }> =>
  JSON.parse(await host.output("inspect", "-f", "{{json .}}", name));
const statusOf = async (name: string): Promise<string> => (await inspect(name)).State.Status;
const restartsOf = async (name: string): Promise<number> => (await inspect(name)).RestartCount;
const run = (name: string, restart: string, ...command: string[]): Promise<string> =>
  host.output("run", "-d", "--network", "none", "--name", name, "--restart", restart, IMAGE, ...command);
const revivers = (): number[] => processesOf(host, /container revive/);

async function until(look: () => Promise<boolean>, timeout = 15_000): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeout} ms: ${look}`);
    await sleep(20);
  }
}

/** Nothing of a container that is over stays in the runtime directory. */
const runtimeOf = (id: string): boolean => existsSync(join(host.run, "containers", id));

describe("policies", () => {
  test("on-failure:2 tries three times in all, waits longer each time, and says so", async () => {
    const id = await run("often", "on-failure:2", "sh", "-c", "echo now; exit 3");
    await until(async () => (await statusOf("often")) === "exited");
    const { State, RestartCount } = await inspect("often");
    expect([State.ExitCode, RestartCount, State.Running]).toEqual([3, 2, false]);
    const times = (await host.output("logs", "-t", "often"))
      .split("\n")
      .map((line) => Date.parse(line.slice(0, 30)));
    expect(times).toHaveLength(3);
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThan(100);
    expect((times[2] as number) - (times[1] as number)).toBeGreaterThan(200);
    await until(async () => !runtimeOf(id));
    expect(await host.output("inspect", "-f", "{{.HostConfig.RestartPolicy}}", "often")).toBe(
      "{on-failure 2}",
    );
  });

  test("on-failure leaves a success alone, no leaves everything alone", async () => {
    await run("fine", "on-failure", "true");
    await run("never", "no", "false");
    await until(async () => (await statusOf("fine")) === "exited" && (await statusOf("never")) === "exited");
    await sleep(400);
    expect([await restartsOf("fine"), await restartsOf("never")]).toEqual([0, 0]);
    expect(revivers()).toEqual([]);
  });

  test("always answers a process that is killed, and keeps the writable layer and the log", async () => {
    await run("web", "always", "sh", "-c", "echo here >> /data; cat /data; echo; exec sleep 1000");
    const { State: first } = await inspect("web");
    process.kill(first.Pid, "SIGKILL");
    await until(async () => {
      const { State, RestartCount } = await inspect("web");
      return State.Running && !State.Restarting && RestartCount === 1;
    });
    const { State: second } = await inspect("web");
    expect(second.Pid).not.toBe(first.Pid);
    expect(second.StartedAt > first.StartedAt).toBe(true);
    expect(await host.output("exec", "web", "cat", "/data")).toBe("here\nhere");
    expect(await host.output("logs", "web")).toBe("here\n\nhere\nhere\n");
    expect(await untruths(host)).toEqual([]);
  });

  test("an attached client sees the end of its run; the container goes on", async () => {
    const attached = await host.tsrun(
      "run",
      "--name",
      "seen",
      "--restart",
      "always",
      IMAGE,
      "sh",
      "-c",
      "echo out; exit 4",
    );
    expect(attached).toMatchObject({ code: 4, stdout: "out\n" });
    await until(async () => (await restartsOf("seen")) > 0);
  });

  test("what waits is listed as restarting, and cannot be entered or removed", async () => {
    await run("waits", "always", "sh", "-c", "exit 9");
    await until(async () => (await restartsOf("waits")) >= 3); // it waits 800 ms and more by now
    await until(async () => (await inspect("waits")).State.Restarting);
    const { State } = await inspect("waits");
    expect(State).toMatchObject({
      Status: "restarting",
      Running: true,
      Restarting: true,
      ExitCode: 9,
      Pid: 0,
    });
    expect(await host.output("ps", "--format", "{{.Status}}")).toMatch(/^Restarting \(9\) .* ago$/);
    expect(await host.output("ps", "-q", "--filter", "status=restarting")).not.toBe("");
    expect((await host.tsrun("rm", "waits")).stderr).toContain("container is restarting");
    expect((await host.tsrun("exec", "waits", "true")).code).not.toBe(0);
  });

  test("a start that fails is tried again, and recovers", async () => {
    const source = join(host.directory, "source");
    mkdirSync(source);
    const mount = `type=bind,source=${source},target=/s`;
    await host.output(
      "run",
      "-d",
      "--name",
      "bind",
      "--restart",
      "always",
      "--mount",
      mount,
      IMAGE,
      "sleep",
      "0.5",
    );
    rmdirSync(source);
    await until(async () => (await inspect("bind")).State.Error !== "");
    const { State } = await inspect("bind");
    expect(State).toMatchObject({ Status: "restarting", Error: expect.stringContaining("does not exist") });
    mkdirSync(source);
    await until(async () => (await statusOf("bind")) === "running");
    expect((await inspect("bind")).State.Error).toBe("");
    expect(await host.output("stop", "bind")).toBe("bind");
  });

  test("a start that fails too often is the end, with the reason", async () => {
    const source = join(host.directory, "source2");
    mkdirSync(source);
    const mount = `type=bind,source=${source},target=/s`;
    const options = ["--restart", "on-failure:2", "--mount", mount];
    const id = await host.output(
      "run",
      "-d",
      "--name",
      "bad",
      ...options,
      IMAGE,
      "sh",
      "-c",
      "sleep 0.3; exit 1",
    );
    rmdirSync(source);
    await until(async () => (await statusOf("bad")) === "exited");
    const { State, RestartCount } = await inspect("bad");
    expect(RestartCount).toBe(2);
    expect(State).toMatchObject({ ExitCode: 128, Error: expect.stringContaining("does not exist") });
    await until(async () => !runtimeOf(id));
  });

  test.each([
    [["--restart", "always", "--rm"], "--restart and --rm"],
    [["--restart", "sometimes"], "unknown policy 'sometimes'"],
    [["--restart", "always:3"], "can only be used with 'on-failure'"],
  ])("%j is refused before anything is made", async (flags, reason) => {
    const { code, stderr } = await host.tsrun("run", ...flags, IMAGE, "true");
    expect(code).toBe(125);
    expect(stderr).toContain(reason);
    expect(host.containers()).toEqual([]);
  });
});

describe("stopping", () => {
  /** A container that is always restarted, once it has set its trap: until then pid 1 is deaf to signals. */
  async function runReady(name: string, trap: string): Promise<void> {
    await run(name, "always", "sh", "-c", `${trap}; echo ready; while :; do sleep 0.05; done`);
    await until(async () => (await host.output("logs", name)) === "ready");
  }

  test.each([
    ["stop", ["stop", "-t", "0"]],
    ["kill", ["kill"]],
    ["kill with the stop signal", ["kill", "-s", "TERM"]],
  ])("%s is not answered by a restart", async (_name, command) => {
    await runReady("over", "trap 'exit 1' TERM");
    await host.output(...command, "over");
    await until(async () => (await statusOf("over")) === "exited");
    await sleep(300);
    expect([await statusOf("over"), await restartsOf("over")]).toEqual(["exited", 0]);
    expect(monitorsOf(host)).toEqual([]);
  });

  test("another signal is the program's own affair", async () => {
    await runReady("hup", "trap 'exit 1' HUP");
    await host.output("kill", "-s", "HUP", "hup");
    await until(async () => (await restartsOf("hup")) === 1 && (await statusOf("hup")) === "running");
  });

  test("a container that waits is stopped at once", async () => {
    const commands = [["stop"], ["kill"], ["stop", "-t", "1"]];
    const stopped = commands.map(async (command, index) => {
      const name = `waits-${index}`;
      const id = await run(name, "always", "false");
      // It waits 3.2 s by now, so that one who waited for its turn would see another restart.
      await until(async () => {
        const { State, RestartCount } = await inspect(name);
        return State.Restarting && RestartCount >= 5;
      });
      const before = await restartsOf(name);
      await host.output(...command, name);
      const { State, RestartCount } = await inspect(name);
      expect(State).toMatchObject({ Status: "exited", ExitCode: 1, Restarting: false });
      expect(RestartCount).toBe(before);
      await until(async () => !runtimeOf(id));
    });
    await Promise.all(stopped);
    await until(async () => monitorsOf(host).length === 0);
  });

  test("starting again begins a new row", async () => {
    await run("again", "on-failure:1", "false");
    await until(async () => (await statusOf("again")) === "exited");
    expect(await restartsOf("again")).toBe(1);
    await host.output("start", "again");
    await until(async () => (await statusOf("again")) === "exited");
    expect(await restartsOf("again")).toBe(1);
    expect((await inspect("again")).State.ExitCode).toBe(1);
  });
});

describe("start and restart", () => {
  test("several, running or not: names are printed; a failure is 1 and does not keep the others from it", async () => {
    await host.output("run", "-d", "--name", "aa", IMAGE, "sleep", "1000");
    await host.output("run", "-d", "--name", "bb", IMAGE, "sleep", "1000");
    await host.output("stop", "-t", "0", "bb");
    const { code, stdout, stderr } = await host.tsrun("start", "aa", "missing", "bb");
    expect([code, stdout]).toEqual([1, "aa\nbb\n"]);
    expect(stderr).toContain("No such container: missing");
    expect(await statusOf("bb")).toBe("running");
  });

  test("-a relays output, signals and the exit code; -i the input", async () => {
    await host.tsrun(
      "run",
      "--name",
      "job",
      "-i",
      IMAGE,
      "sh",
      "-c",
      "read line; echo got $line; echo err >&2; exit 6",
    );
    const result = await host.tsrunWith({ input: "words\n" }, "start", "-ai", "job");
    expect(result).toEqual({ code: 6, stdout: "got words\n", stderr: "err\n" });
    await host.tsrun("run", "--name", "trap", IMAGE, "true");
    await host.output("rm", "trap");
    await host.output(
      "run",
      "-d",
      "--name",
      "trap",
      IMAGE,
      "sh",
      "-c",
      "trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done",
    );
    await host.output("stop", "-t", "0", "trap");
    const attached = host.start({}, "start", "-a", "trap");
    await attached.until(/ready/);
    attached.child.kill("SIGUSR1");
    expect((await attached.result).code).toBe(7);
  });

  test("-a with several, or of one that cannot start", async () => {
    await host.output("run", "-d", "--name", "aa", IMAGE, "sleep", "1000");
    const several = await host.tsrun("start", "-a", "aa", "aa");
    expect([several.code, several.stderr]).toEqual([
      1,
      expect.stringContaining("cannot start and attach multiple"),
    ]);
    expect((await host.tsrun("start", "-a", "missing")).code).toBe(1);
  });

  test("restart stops with its signal and time, and starts again; also what has ended, and several", async () => {
    const script = "trap 'echo down; exit 0' INT; echo up; while :; do sleep 0.05; done";
    await host.output("run", "-d", "--name", "aa", IMAGE, "sh", "-c", script);
    await host.output("run", "-d", "--name", "bb", IMAGE, "true");
    await until(
      async () => (await host.output("logs", "aa")) === "up" && (await statusOf("bb")) === "exited",
    );
    const { State: before } = await inspect("aa");
    expect(await host.output("restart", "-s", "INT", "aa", "bb")).toBe("aa\nbb");
    const { State: after } = await inspect("aa");
    expect([after.Status, after.Pid === before.Pid]).toEqual(["running", false]);
    await until(async () => (await host.output("logs", "aa")) === "up\ndown\nup");
  });

  test("restart of a temporary container: it lives, and still goes with its end", async () => {
    await host.output("run", "-d", "--rm", "--name", "temp", IMAGE, "sleep", "1000");
    expect(await host.output("restart", "-t", "0", "temp")).toBe("temp");
    expect(await statusOf("temp")).toBe("running");
    const attached = host.start(
      {},
      "run",
      "--rm",
      "--name",
      "mine",
      IMAGE,
      "sh",
      "-c",
      "echo ready; exec sleep 1000",
    );
    await attached.until(/ready/);
    await host.output("restart", "-t", "0", "mine");
    expect((await attached.result).code).toBe(137);
    expect(await statusOf("mine")).toBe("running");
    await host.output("stop", "-t", "0", "temp", "mine");
    await until(async () => host.containers().length === 0);
    expect(await remains(host)).toEqual([]);
  });

  test.each([["start"], ["restart"], ["system boot"], ["system shutdown"], ["system service"]])(
    "%s --help has examples",
    async (words) => {
      const text = await host.output(...words.split(" "), "--help");
      expect(text).toMatch(/Examples:\n/);
    },
  );
});

describe("races and deaths", () => {
  const RANDOM = randomNumbers(SEED);

  test("a stop at any moment of a restart loop is the end of it", { timeout: 120_000 }, async () => {
    for (let round = 0; round < 12; round++) {
      const id = await run("loop", "always", "sh", "-c", "sleep 0.05");
      await sleep(RANDOM() * 900);
      await host.output("stop", "loop");
      expect(await statusOf("loop"), `round ${round}, seed ${SEED}`).toBe("exited");
      await sleep(150);
      expect(await statusOf("loop"), `round ${round}, seed ${SEED}`).toBe("exited");
      await until(async () => !runtimeOf(id) && revivers().length === 0 && monitorsOf(host).length === 0);
      await host.output("rm", "loop");
    }
  });

  test("rm -f at any moment leaves nothing", { timeout: 120_000 }, async () => {
    for (let round = 0; round < 12; round++) {
      await run("loop", "always", "sh", "-c", "sleep 0.05");
      await sleep(RANDOM() * 900);
      const start = round % 2 === 0 ? host.tsrun("start", "loop") : undefined;
      await host.output("rm", "-f", "loop");
      await start;
      expect(await remains(host), `round ${round}, seed ${SEED}`).toEqual([]);
    }
  });

  test("several stops, starts and restarts at once end in one state", { timeout: 120_000 }, async () => {
    await run("many", "unless-stopped", "sh", "-c", "sleep 0.2");
    for (let round = 0; round < 4; round++) {
      const verbs = ["stop", "start", "restart", "kill", "stop", "start"];
      await Promise.all(verbs.map((verb) => host.tsrun(verb, "many")));
      await host.output("stop", "many");
      await sleep(200);
      expect(await statusOf("many"), `round ${round}`).toBe("exited");
      expect(await untruths(host)).toEqual([]);
    }
  });

  test("kill -9 of the monitor while it waits: the container has ended, with its last exit code", async () => {
    const id = await run("waits", "always", "sh", "-c", "exit 9");
    await until(async () => (await restartsOf("waits")) >= 4);
    await until(async () => (await inspect("waits")).State.Restarting);
    for (const pid of monitorsOf(host)) killNow(pid);
    await until(async () => (await statusOf("waits")) === "exited");
    const { State } = await inspect("waits");
    expect(State).toMatchObject({
      ExitCode: 9,
      Pid: 0,
      Error: expect.stringContaining("start the container again"),
    });
    expect(await host.output("ps", "-q")).toBe("");
    expect(runtimeOf(id)).toBe(false); // swept by ps
    await host.output("start", "waits");
    await until(async () => (await restartsOf("waits")) >= 1);
  });

  test("kill -9 of what starts it again, at random instants: one truthful state", {
    timeout: 180_000,
  }, async () => {
    for (let round = 0; round < 12; round++) {
      await run("loop", "always", "sh", "-c", "sleep 0.02");
      const reviver = await eventually(() => revivers()[0]);
      await sleep(RANDOM() * 150);
      killNow(reviver);
      await sleep(100);
      const what = `round ${round}, seed ${SEED}`;
      expect(await untruths(host), what).toEqual([]);
      expect(
        (await listed(host)).map(({ Status }) => Status.split(" ")[0]),
        what,
      ).toEqual([expect.stringMatching(/^(Up|Restarting|Exited)$/)]);
      await host.output("stop", "loop");
      expect(await statusOf("loop"), what).toBe("exited");
      expect(await removeAll(host), what).toEqual([]);
    }
  });
});

describe("after a boot", () => {
  /** What the disk holds when the machine has come back: the documents, no process and no runtime directory. */
  async function powerFailure(): Promise<void> {
    for (const pid of [...monitorsOf(host), ...revivers()]) killNow(pid);
    await eventually(() => (monitorsOf(host).length === 0 ? true : undefined));
    rmSync(host.run, { recursive: true });
  }
  const sleeper = ["sh", "-c", "exec sleep 1000"];

  test("what its policy brings back is started, nothing else, and nothing claimed to run before", {
    timeout: 60_000,
  }, async () => {
    await run("always", "always", ...sleeper);
    await run("always-stopped", "always", ...sleeper);
    await run("unless", "unless-stopped", ...sleeper);
    await run("unless-stopped", "unless-stopped", ...sleeper);
    await run("failure", "on-failure:1", ...sleeper);
    await run("success", "on-failure", "true");
    await run("plain", "no", ...sleeper);
    await run("waiting", "always", "sh", "-c", "exit 1");
    await host.output("stop", "-t", "0", "always-stopped", "unless-stopped");
    await until(async () => (await statusOf("success")) === "exited");
    await until(async () => (await restartsOf("waiting")) >= 3);
    await until(async () => (await inspect("waiting")).State.Restarting);
    await powerFailure();
    expect(await host.output("ps", "-q")).toBe("");
    expect((await listed(host)).every(({ Status }) => /^Exited/.test(Status))).toBe(true);

    const started = (await host.output("system", "boot")).split("\n").sort();
    expect(started).toEqual(["always", "always-stopped", "failure", "unless", "waiting"]);
    expect((await host.output("ps", "--format", "{{.Names}}")).split("\n").sort()).toEqual(started);
    expect(await restartsOf("always")).toBe(0);
    expect(await host.output("system", "boot")).toBe("");
  });

  test("one that cannot be started is reported, the others start", async () => {
    const source = join(host.directory, "gone");
    mkdirSync(source);
    await host.output(
      "run",
      "-d",
      "--name",
      "bad",
      "--restart",
      "always",
      "--mount",
      `type=bind,source=${source},target=/s`,
      IMAGE,
      ...sleeper,
    );
    await run("good", "always", ...sleeper);
    await powerFailure();
    rmdirSync(source);
    const { code, stdout, stderr } = await host.tsrun("system", "boot");
    expect([code, stdout]).toEqual([1, "good\n"]);
    expect(stderr).toMatch(/^bad:\n.*does not exist/);
  });

  test("a shutdown stops all in their own time, and the boot after it brings back what ran", async () => {
    await run("polite", "unless-stopped", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done");
    await run("stopped", "unless-stopped", ...sleeper);
    await run("waiting", "unless-stopped", "false");
    await host.output("stop", "-t", "0", "stopped");
    await until(async () => (await restartsOf("waiting")) >= 3);
    expect((await host.output("system", "shutdown")).split("\n").sort()).toEqual(["polite", "waiting"]);
    expect((await inspect("polite")).State).toMatchObject({ Status: "exited", ExitCode: 0 });
    expect(await statusOf("waiting")).toBe("exited");
    expect(monitorsOf(host)).toEqual([]);
    expect((await host.output("system", "boot")).split("\n").sort()).toEqual(["polite", "waiting"]);
    expect(await statusOf("polite")).toBe("running");
  });

  describe("the service", () => {
    test("without systemd: what to run at boot instead", async () => {
      const { code, stderr } = await host.tsrun("system", "service", "install");
      expect(code).toBe(1);
      expect(stderr).toMatch(/systemd does not run this host[\s\S]*@reboot[\s\S]*\/bin\/tsrun system boot/);
    });

    test("with it: a unit that is written, enabled and removed", async () => {
      // The test host has its own mounts: systemd's directory is covered, its program replaced by one that takes notes.
      const [units, unit] = ["/etc/systemd/system", "/etc/systemd/system/tsrun.service"];
      const calls = join(host.directory, "calls");
      writeFileSync(
        join(host.directory, "bin", "systemctl"),
        `#!/bin/sh\necho "$@" >> ${calls}\necho "$1"\n`,
      );
      chmodSync(join(host.directory, "bin", "systemctl"), 0o755);
      mkdirSync(units, { recursive: true });
      execFileSync("mount", ["-t", "tmpfs", "tmpfs", units]);
      mkdirSync("/run/systemd/system", { recursive: true });
      try {
        expect((await host.tsrun("system", "service", "status")).code).toBe(1);
        expect(await host.output("system", "service", "install")).toBe(unit);
        const text = readFileSync(unit, "utf8");
        expect(text).toBe(`${await host.output("system", "service", "install", "--print")}\n`);
        expect(text).toContain(`TSRUN_ROOT=${host.root}\n`);
        expect(await host.output("system", "service", "status")).toContain("is-enabled");
        expect(await host.output("system", "service", "remove")).toBe(unit);
        expect(existsSync(unit)).toBe(false);
      } finally {
        execFileSync("umount", [units]);
        rmSync("/run/systemd", { recursive: true });
      }
      expect(readFileSync(calls, "utf8").trim().split("\n")).toEqual([
        "daemon-reload",
        "enable tsrun.service",
        "start --no-block tsrun.service",
        "is-enabled tsrun.service",
        "is-active tsrun.service",
        "disable tsrun.service",
        "daemon-reload",
      ]);
    });
  });
});
