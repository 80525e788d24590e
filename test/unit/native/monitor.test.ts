/**
 * The monitor as a whole, built with the sanitizers, executing Plans that need no privilege: no namespaces, the test's
 * own files. The test is its launcher.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  globSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ContainerState } from "../../../src/engine/types.ts";
import { sendOrders } from "../../../src/kernel/orders.ts";
import { streamSocketPair } from "../../../src/kernel/process.ts";
import { connectMonitor, MonitorClient } from "../../../src/runtime/monitor-client.ts";
import { encodePlan } from "../../../src/runtime/plan/encode.ts";
import type { Plan, Step, StepAction } from "../../../src/runtime/plan/plan.ts";
import { NATIVE, openWorkshop, SANITIZER_ENVIRONMENT, type Workshop } from "./compile.ts";

let workshop: Workshop;
let program: string;
let directory: string;
let running: { client: MonitorClient; launcher: ChildProcess; complaints: Promise<string> }[];

beforeAll(() => {
  workshop = openWorkshop();
  const sources = globSync("monitor/*.c", { cwd: NATIVE });
  program = workshop.compile("monitor", { sources });
}, 120_000);
afterAll(() => workshop[Symbol.dispose]());

beforeEach(() => {
  directory = mkdtempSync(join(workshop.directory, "run-"));
  running = [];
});
afterEach(async () => {
  for (const { client } of running) {
    client.signal(9);
    client.detach();
  }
  // Whatever the sanitizers have found is on the monitor's standard error.
  for (const { complaints } of running) expect(await complaints).toBe("");
  rmSync(directory, { recursive: true });
});

const step = (action: StepAction): Step => ({ ...action, why: "." });
const STREAMS: Step[] = (["stdin", "stdout", "stderr"] as const).map((fd, to) =>
  step({ op: "dup2", fd, to }),
);
const CLONE = step({ op: "clone", flags: [] });
const WAIT = step({ op: "wait" });

const exec = (...argv: string[]): Step =>
  step({ op: "execve", candidates: [argv[0] ?? ""], argv, envp: ["PATH=/usr/bin:/bin"] });
const shell = (script: string): Plan => ({
  fds: [],
  steps: [CLONE, ...STREAMS, exec("/bin/sh", "-c", script)],
});

/** In the place of the descriptor that the monitor was executed by, which it only keeps. */
const PROGRAM = 0;

/** Runs a Plan under a monitor with these options; its lock is a pipe whose end tells that it is gone. */
function launch(plan: Plan, ...options: string[]): MonitorClient {
  return launchWith({}, plan, ...options);
}

/** The same with more in its environment. */
function launchWith(environment: Record<string, string>, plan: Plan, ...options: string[]): MonitorClient {
  const file = join(directory, `plan-${running.length}`);
  writeFileSync(file, encodePlan(plan));
  const [planFd, lockFd] = [openSync(file, "r"), openSync(join(directory, "lock"), "a")];
  const launcher = spawn(program, ["--plan-fds", "0", ...options], {
    stdio: ["ignore", "ignore", "pipe", lockFd, "pipe", PROGRAM, planFd],
    env: { ...SANITIZER_ENVIRONMENT, ...environment },
  });
  closeSync(planFd);
  closeSync(lockFd);
  const client = new MonitorClient(launcher.stdio[4] as Socket);
  running.push({ client, launcher, complaints: text(launcher.stderr as NodeJS.ReadableStream) });
  return client;
}

/** The parent of a process (proc_pid_stat(5)), and whether a process is there and no zombie. */
const parentOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ")[1]);
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}
async function eventually(what: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 300; tries++) {
    if (what()) return true;
    await sleep(10);
  }
  return false;
}
const state = (): Partial<ContainerState> => JSON.parse(readFileSync(join(directory, "state.json"), "utf8"));
const withState = (): string[] => ["--state", join(directory, "state.json"), "--durable"];

describe("a process", () => {
  test("runs, writes on both streams and ends with its status", async () => {
    const client = launch(shell("echo out; echo err >&2; exit 7"));
    expect(typeof (await client.started)).toBe("number");
    expect(await Promise.all([text(client.stdout), text(client.stderr)])).toEqual(["out\n", "err\n"]);
    expect(await client.exited).toEqual({ exitCode: 7, oomKilled: false });
    await client.closed;
  });

  test("that a signal ends has 128 and its number", async () => {
    const client = launch(shell("kill -TERM $$; sleep 5"));
    client.ignoreOutput();
    expect((await client.exited).exitCode).toBe(143);
  });

  test("gets what is written to its stdin, and its end", async () => {
    const client = launch(shell("wc -c"), "--stdin", "--stdin-once");
    client.stdin.end(Buffer.alloc(1_000_000, "i"));
    client.stderr.resume();
    expect((await text(client.stdout)).trim()).toBe("1000000");
  });

  test("without --stdin reads nothing", async () => {
    const client = launch(shell("cat; echo done"));
    client.stderr.resume();
    expect(await text(client.stdout)).toBe("done\n");
  });

  test("has no descriptor of the monitor's, and its signals as they are by default", async () => {
    const client = launch({
      fds: [],
      steps: [
        CLONE,
        ...STREAMS,
        step({ op: "closeRange", first: 3 }),
        exec("/bin/sh", "-c", "ls /proc/$$/fd; grep -E 'Sig(Blk|Ign)' /proc/self/status"),
      ],
    });
    client.stderr.resume();
    const lines = (await text(client.stdout)).trim().split(/\s+/);
    expect(lines.slice(0, 3)).toEqual(["0", "1", "2"]);
    expect(lines.slice(-4)).toEqual(["SigBlk:", "0".repeat(16), "SigIgn:", "0".repeat(16)]);
  });

  test("whose output is read slowly loses none of it", async () => {
    const client = launch(
      shell("i=0; while [ $i -lt 60000 ]; do echo line $i; i=$((i+1)); done; echo end >&2"),
    );
    client.stderr.resume();
    await sleep(300);
    const lines = (await text(client.stdout)).split("\n");
    expect(lines.length).toBe(60_001);
    expect(lines[59_999]).toBe("line 59999");
  });

  test("floods both streams and reads its input at the same time, and the client is kept", async () => {
    const client = launch(shell("tee /dev/stderr"), "--stdin", "--stdin-once");
    const input = Buffer.alloc(4_000_000, "0123456789abcde\n");
    client.stdin.end(input);
    const [out, err] = await Promise.all([text(client.stdout), text(client.stderr)]);
    expect([out.length, err.length]).toEqual([input.length, input.length]);
    expect((await client.exited).exitCode).toBe(0);
  });
});

describe("a Plan that fails", () => {
  test("at execve: the first reason that means something", async () => {
    const candidates = ["/nowhere/x", "/etc/passwd", "/nowhere/y"];
    const client = launch({
      fds: [],
      steps: [CLONE, step({ op: "execve", candidates, argv: ["x"], envp: [] })],
    });
    const failure = await client.started;
    expect(failure).toMatchObject({ step: 1, errno: 13 });
    // It can be looked at until it is acknowledged.
    const { pid } = failure as { pid: number };
    expect(isAlive(pid)).toBe(true);
    client.acknowledge();
    await client.closed;
    expect(isAlive(pid)).toBe(false);
  });

  test("at a step in the child", async () => {
    const client = launch({
      fds: [],
      steps: [CLONE, step({ op: "chdir", path: "/nowhere" }), exec("/bin/true")],
    });
    expect(await client.started).toMatchObject({ step: 1, errno: 2 });
    client.acknowledge();
    await client.closed;
  });

  test("at a step that may fail so: it goes on", async () => {
    const client = launch({
      fds: [],
      steps: [
        CLONE,
        { ...step({ op: "chdir", path: "/nowhere" }), tolerate: ["EEXIST", "ENOENT"] },
        ...STREAMS,
        exec("/bin/true"),
      ],
    });
    client.ignoreOutput();
    expect((await client.exited).exitCode).toBe(0);
  });

  test("before there is a child", async () => {
    const client = launch({
      fds: [],
      steps: [step({ op: "setns", fd: "stdin", flags: ["CLONE_NEWNET"] }), CLONE, exec("/bin/true")],
    });
    expect(await client.started).toMatchObject({ step: 0, pid: 0 });
    await client.closed;
  });

  test.each([
    ["is no Plan", Buffer.from("nothing of the kind, but long enough")],
    ["is cut short", encodePlan(shell("true")).subarray(0, 200)],
    ["is empty", Buffer.alloc(0)],
  ])("because it %s", async (_name, bytes) => {
    const file = join(directory, "bad");
    writeFileSync(file, bytes);
    const fds = [openSync(file, "r"), openSync(join(directory, "lock"), "a")] as const;
    const launcher = spawn(program, ["--plan-fds", "0"], {
      stdio: ["ignore", "ignore", "pipe", fds[1], "pipe", PROGRAM, fds[0]],
      env: SANITIZER_ENVIRONMENT,
    });
    for (const fd of fds) closeSync(fd);
    const client = new MonitorClient(launcher.stdio[4] as Socket);
    running.push({ client, launcher, complaints: text(launcher.stderr as NodeJS.ReadableStream) });
    expect(await client.started).toMatchObject({ errno: 22, pid: 0 });
  });

  test("leaves no socket behind", async () => {
    const client = launch(
      { fds: [], steps: [CLONE, step({ op: "chdir", path: "/nowhere" }), exec("/bin/true")] },
      "--socket-dir",
      directory,
    );
    await client.started;
    expect(existsSync(join(directory, "attach.sock"))).toBe(true);
    client.acknowledge();
    await client.closed;
    expect(existsSync(join(directory, "attach.sock"))).toBe(false);
  });
});

describe("orders, by the socket instead of the command line", () => {
  /** A monitor that waits for them, and the other end of its socket. */
  function summon(): { socket: number; launcher: ChildProcess } {
    const [socket, theirs] = streamSocketPair();
    const lockFd = openSync(join(directory, "lock"), "a");
    const launcher = spawn(program, ["--id", "waiting", "--orders"], {
      stdio: ["ignore", "ignore", "pipe", lockFd, theirs, PROGRAM],
      env: SANITIZER_ENVIRONMENT,
    });
    closeSync(lockFd);
    closeSync(theirs);
    return { socket, launcher };
  }

  // More of them than go with one message.
  test.each([1, 201, 450])("with %d descriptors", async (count) => {
    const { socket, launcher } = summon();
    const file = join(directory, "plan");
    writeFileSync(file, encodePlan(shell("exit 7")));
    const fds = Array.from({ length: count }, () => openSync(file, "r"));
    sendOrders(socket, {
      arguments: [
        "tsrun-monitor",
        "--plan-fds",
        "0",
        ...withState(),
        "--",
        "/bin/sh",
        "-c",
        'echo "$1" > "$2"',
      ].concat(["sh", "successor", join(directory, "successor")]),
      environment: [`TSRUN_JOURNAL=${join(directory, "journal")}`, 'TSRUN_EVENTS_START="started":{"a":{'],
      fds,
    });
    for (const fd of fds) closeSync(fd);
    const client = new MonitorClient(new Socket({ fd: socket, readable: true, writable: true }));
    running.push({ client, launcher, complaints: text(launcher.stderr as NodeJS.ReadableStream) });
    client.ignoreOutput();
    expect(await client.exited).toEqual({ exitCode: 7, oomKilled: false });
    expect(state()).toMatchObject({ status: "exited", exitCode: 7 });
    expect(readFileSync(join(directory, "journal"), "utf8")).toContain('"started"');
    client.detach();
    await once(launcher, "exit");
    expect(readFileSync(join(directory, "successor"), "utf8")).toBe("successor\n");
  });

  test("that never come end it", async () => {
    const { socket, launcher } = summon();
    closeSync(socket);
    expect(await once(launcher, "exit")).toEqual([1, null]);
  });

  test("that are cut short end it", async () => {
    const { socket, launcher } = summon();
    writeSync(socket, Buffer.from([100, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 65]));
    closeSync(socket);
    expect(await once(launcher, "exit")).toEqual([1, null]);
  });
});

describe("death at any moment", () => {
  const paused: Plan = { fds: [], steps: [CLONE, WAIT, ...STREAMS, exec("/bin/sleep", "60")] };
  const pausedPid = (client: MonitorClient): Promise<number> =>
    new Promise((resolve) => {
      client.onWaiting = (_step, pid) => resolve(pid);
    });

  test("of the monitor, while the child waits: the child goes", async () => {
    const pid = await pausedPid(launch(paused));
    process.kill(parentOf(pid), "SIGKILL");
    expect(await eventually(() => !isAlive(pid))).toBe(true);
  });

  test("of the monitor, after a step has failed: the child goes", async () => {
    const client = launch({
      fds: [],
      steps: [CLONE, step({ op: "chdir", path: "/nowhere" }), exec("/bin/true")],
    });
    const { pid } = (await client.started) as { pid: number };
    process.kill(parentOf(pid), "SIGKILL");
    expect(await eventually(() => !isAlive(pid))).toBe(true);
  });

  test("of the monitor, while it runs: the process goes, if the Plan says so", async () => {
    const deathSignal = step({ op: "prctl", option: "PR_SET_PDEATHSIG", value: 9 });
    const client = launch({ fds: [], steps: [CLONE, ...STREAMS, deathSignal, exec("/bin/sleep", "60")] });
    const pid = (await client.started) as number;
    process.kill(parentOf(pid), "SIGKILL");
    await expect(client.exited).rejects.toMatchObject({ code: "ERR_TSRUN_MONITOR_DIED" });
    expect(await eventually(() => !isAlive(pid))).toBe(true);
  });

  test("of the launcher, before the process runs: nothing runs", async () => {
    const client = launch(paused, ...withState());
    const pid = await pausedPid(client);
    const monitor = parentOf(pid);
    client.detach();
    expect(await eventually(() => !isAlive(pid) && !isAlive(monitor))).toBe(true);
    expect(existsSync(join(directory, "state.json"))).toBe(false);
  });

  test("of the launcher, while it runs: the process goes on, and its end is written down", async () => {
    const client = launch(shell("sleep 0.3; echo late; exit 3"), ...withState());
    const pid = (await client.started) as number;
    expect(state()).toMatchObject({ status: "running", pid });
    client.detach();
    expect(await eventually(() => state().status === "exited")).toBe(true);
    expect(state()).toMatchObject({ exitCode: 3, pid: 0, oomKilled: false });
  });
});

describe("the end", () => {
  test("is written down with both times, before it is told", async () => {
    const client = launch(shell("exit 4"), ...withState());
    client.ignoreOutput();
    await client.exited;
    const { startedAt, finishedAt, ...rest } = state();
    expect(rest).toMatchObject({ status: "exited", exitCode: 4 });
    expect(Date.parse(String(finishedAt))).toBeGreaterThanOrEqual(Date.parse(String(startedAt)));
  });

  test("an OOM kill is seen by its counter", async () => {
    const counter = join(directory, "memory.events");
    writeFileSync(counter, "oom 1\noom_kill 1\n");
    const client = launch(
      shell("kill -KILL $$"),
      "--oom-file",
      counter,
      "--oom-key",
      "oom_kill",
      ...withState(),
    );
    client.ignoreOutput();
    expect(await client.exited).toEqual({ exitCode: 137, oomKilled: true });
    expect(state().oomKilled).toBe(true);
  });

  test("cleans up what it was told to, and then becomes the program that is to, unless somebody sees to it", async () => {
    const [lease, done] = [join(directory, "lease"), join(directory, "done")];
    writeFileSync(lease, "");
    const options = ["--unlink", lease, "--", "/bin/sh", "-c", `echo $0 > ${done}`, "it"];
    const alone = launch(shell("true"), ...options);
    await alone.started;
    alone.detach();
    expect(await eventually(() => existsSync(done) && readFileSync(done, "utf8") === "it\n")).toBe(true);
    expect(existsSync(lease)).toBe(false);
    rmSync(done);
    const watched = launch(shell("true"), ...options);
    watched.ignoreOutput();
    await watched.exited;
    watched.acknowledge();
    await watched.closed;
    await sleep(50);
    expect(existsSync(done)).toBe(false);
  });

  test("takes away all that clients have told it of while it ran, however much, and records what they said", async () => {
    const directories = ["--socket-dir", directory];
    const client = launch(shell("read line"), "--stdin", ...directories);
    client.ignoreOutput();
    await client.started;
    const files = Array.from({ length: 300 }, (_, at) => join(directory, `lease-${at}`));
    for (const file of files) writeFileSync(file, "");
    const other = await connectMonitor(directory);
    other.ignoreOutput();
    for (const _twice of [1, 2]) other.removeAtEnd(files);
    await other.flushed();
    client.stdin.end("go\n");
    await client.exited;
    expect(files.filter((file) => existsSync(file))).toEqual([]);
  });

  test("is heard by a client that was saying something meanwhile", async () => {
    const client = launch(shell("read line; exit 3"), "--stdin");
    client.ignoreOutput();
    await client.started;
    client.stdin.write("go\n");
    // Nothing is read while this thread sleeps; when it writes again, the monitor has said its last.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    client.resize(1, 1);
    expect(await client.exited).toMatchObject({ exitCode: 3 });
  });

  test("records after the end what a client has said last", async () => {
    const journal = join(directory, "journal");
    const lines = (count: number): string[] =>
      Array.from({ length: count }, (_, at) => `"n":${at},"attributes":{"at":"${count}"`);
    const client = launchWith(
      { TSRUN_JOURNAL: journal, TSRUN_EVENTS_END: `"attributes":{"first":""` },
      shell("read line"),
      ...["--stdin", "--socket-dir", directory],
    );
    client.ignoreOutput();
    await client.started;
    for (const count of [3, 2000, 2]) {
      const other = await connectMonitor(directory);
      other.ignoreOutput();
      other.recordAtEnd(lines(count));
      await other.flushed();
      await other.closed;
    }
    client.stdin.end("go\n");
    await client.exited;
    const events = readFileSync(journal, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events).toMatchObject([0, 1].map((n) => ({ n, attributes: { at: "2" } })));
  });

  test("becomes a program that signals can end", async () => {
    const done = join(directory, "done");
    const alone = launch(shell("true"), "--", "/bin/sh", "-c", `grep SigIgn /proc/$$/status > ${done}`);
    await alone.started;
    alone.detach();
    expect(await eventually(() => existsSync(done) && statSync(done).size > 0)).toBe(true);
    const ignored = Number.parseInt(readFileSync(done, "latin1").split(/\s+/)[1] ?? "", 16);
    const { SIGHUP, SIGINT, SIGTERM, SIGPIPE } = constants.signals;
    for (const signal of [SIGHUP, SIGINT, SIGTERM, SIGPIPE])
      expect((ignored >> (signal - 1)) & 1, `signal ${signal}`).toBe(0);
  });

  test("does not wait for what the process has left behind", async () => {
    const client = launch(shell("echo first; sleep 3 & exit 0"));
    client.stderr.resume();
    const began = performance.now();
    expect(await text(client.stdout)).toBe("first\n");
    expect((await client.exited).exitCode).toBe(0);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

describe("a restart", () => {
  const successor = (): string => join(directory, "successor");
  /** What the monitor becomes writes down which file it got as the lock. */
  const then = (): string[] => [
    "--",
    "/bin/sh",
    "-c",
    `readlink /proc/self/fd/$TSRUN_LOCK_FD > ${successor()}`,
  ];
  const policy = (condition: string, delay: number, ...more: string[]): string[] => [
    ...["--restart-on", condition, "--restart-delay", String(delay), "--restart-count", "4"],
    ...["--steady-after", "10000", "--steady-delay", "1", "--stopped", join(directory, "stopped")],
    ...["--socket-dir", directory, ...withState(), ...more, ...then()],
  ];
  const lock = (): string => join(directory, "lock");
  const succeeded = (): Promise<boolean> =>
    eventually(() => existsSync(successor()) && statSync(successor()).size > 0);

  test("comes after the delay: clients have seen the end, what it used is given back, the lock is handed on", async () => {
    const lease = join(directory, "lease");
    writeFileSync(lease, "");
    const client = launch(
      shell("echo over; exit 3"),
      ...policy("failure", 300, "--unlink", lease, "--lock", lock()),
    );
    client.stderr.resume();
    expect(await text(client.stdout)).toBe("over\n");
    expect((await client.exited).exitCode).toBe(3);
    await client.closed;
    expect(state()).toMatchObject({
      status: "restarting",
      exitCode: 3,
      pid: 0,
      restartCount: 4,
      restartDelay: 300,
    });
    expect([existsSync(lease), existsSync(successor()), existsSync(lock())]).toEqual([false, false, true]);
    expect(await succeeded()).toBe(true);
    expect(readFileSync(successor(), "utf8")).toBe(`${lock()}\n`);
    const waited = statSync(successor()).mtimeMs - Date.parse(String(state().finishedAt));
    expect(waited).toBeGreaterThan(295);
  });

  test("is quicker after a steady run", async () => {
    const client = launch(shell("sleep 0.2"), ...policy("always", 60_000, "--steady-after", "100"));
    client.ignoreOutput();
    await client.closed;
    expect(state()).toMatchObject({ restartDelay: 1 });
    expect(await succeeded()).toBe(true);
  });

  test.each([
    ["a success is no failure", "failure", "exit 0", false],
    ["somebody has stopped it", "always", "exit 1", true],
  ])("does not come where %s", async (_name, condition, script, stopped) => {
    if (stopped) writeFileSync(join(directory, "stopped"), "");
    const client = launch(shell(script), ...policy(condition, 1, "--lock", lock()));
    client.ignoreOutput();
    await client.closed;
    await sleep(50);
    expect(existsSync(successor())).toBe(false);
    expect(state().status).toBe("exited");
    expect(existsSync(lock())).toBe(false);
  });

  test("is called off by a stop, at once", async () => {
    const client = launch(shell("exit 3"), ...policy("always", 60_000, "--lock", lock()));
    client.ignoreOutput();
    await client.closed;
    const stopper = await connectMonitor(directory);
    stopper.stopping();
    await stopper.closed;
    expect(state()).toMatchObject({ status: "exited", exitCode: 3, restartDelay: 0 });
    expect([existsSync(lock()), existsSync(join(directory, "attach.sock"))]).toEqual([false, false]);
  });

  test("can be asked for, and called off, while the process runs", async () => {
    const script = "read line";
    for (const [condition, status] of [
      ["always", "restarting"],
      ["never", "exited"],
    ] as const) {
      const client = launch(shell(script), "--stdin", ...policy("failure", 60_000));
      await client.started;
      client.ignoreOutput();
      client.setRestart(condition);
      client.stdin.write("\n");
      await client.closed;
      expect(state().status).toBe(status);
      if (status === "restarting") (await connectMonitor(directory)).stopping();
      expect(await eventually(() => state().status === "exited")).toBe(true);
    }
  });

  test("does not wait for a client that reads nothing", async () => {
    const script = "read here; echo $here; read go; head -c 3000000 /dev/zero & sleep 0.1";
    const client = launch(shell(script), "--stdin", ...policy("always", 1));
    await client.started;
    client.ignoreOutput();
    const sleeper = await connectMonitor(directory);
    sleeper.stdin.write("here\n");
    await once(sleeper.stdout, "data");
    sleeper.stdout.pause();
    client.stdin.write("go\n");
    expect(await succeeded()).toBe(true);
    // It was given its time, and has lost what it did not read.
    expect(statSync(successor()).mtimeMs - Date.parse(String(state().finishedAt))).toBeGreaterThan(900);
    sleeper.stdout.resume();
    await expect(sleeper.exited).rejects.toMatchObject({ code: "ERR_TSRUN_MONITOR_DIED" });
  });

  test("can be waited for without a process; a stop leaves the document it was given", async () => {
    const document = JSON.stringify({ status: "exited", error: 'it "failed"' });
    const empty: Plan = { fds: [], steps: [] };
    const waiting = launch(empty, ...policy("always", 60_000, "--lock", lock(), "--wait", document));
    await waiting.closed;
    const stopper = await connectMonitor(directory);
    stopper.stopping();
    await stopper.closed;
    expect(readFileSync(join(directory, "state.json"), "utf8")).toBe(document);
    expect(existsSync(lock())).toBe(false);
    launch(empty, ...policy("always", 20, "--wait", document));
    expect(await succeeded()).toBe(true);
  });
});

describe("log", () => {
  test("has all that was written when the end is told", async () => {
    const file = join(directory, "log.json");
    const client = launch(
      shell("echo one; echo two >&2; printf three"),
      "--log",
      file,
      "--log-size",
      "0",
      "--log-files",
      "1",
    );
    client.ignoreOutput();
    await client.exited;
    const lines = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { log: string; stream: string });
    expect(lines.filter(({ stream }) => stream === "stdout").map(({ log }) => log)).toEqual([
      "one\n",
      "three",
    ]);
    expect(lines.filter(({ stream }) => stream === "stderr").map(({ log }) => log)).toEqual(["two\n"]);
  });
});

describe("attached clients", () => {
  const READER = "while read line; do echo got $line; done; echo over";

  test("may be the owner's only", async () => {
    const client = launch(shell("sleep 60"), "--socket-dir", directory);
    await client.started;
    expect(statSync(join(directory, "attach.sock")).mode & 0o777).toBe(0o600);
    client.signal(9);
    client.ignoreOutput();
    await client.exited;
  });

  test("see what all see, write to the process, send it signals and resize nothing", async () => {
    const client = launch(shell(READER), "--stdin", "--socket-dir", directory);
    client.ignoreOutput();
    await client.started;
    const second = await connectMonitor(directory);
    second.stderr.resume();
    second.resize(1, 2);
    second.stdin.write("hello\n");
    expect(String((await once(second.stdout, "data"))[0])).toBe("got hello\n");
    second.signal(15);
    expect((await second.exited).exitCode).toBe(143);
    expect((await client.exited).exitCode).toBe(143);
  });

  test("leave the process its stdin when they go, unless it was given up with the first of them", async () => {
    const client = launch(shell(READER), "--stdin", "--socket-dir", directory);
    await client.started;
    const second = await connectMonitor(directory);
    second.stdin.end("from the second\n");
    client.stderr.resume();
    expect(String((await once(client.stdout, "data"))[0])).toBe("got from the second\n");
    second.detach();
    client.stdin.end("from the first\n");
    expect(await text(client.stdout)).toBe("got from the first\nover\n");
  });

  test("that cannot all be served are sent away, the others are served", async () => {
    const client = launch(shell("sleep 60"), "--socket-dir", directory);
    client.ignoreOutput();
    await client.started;
    const crowd: MonitorClient[] = [];
    while (crowd.length < 20) crowd.push(await connectMonitor(directory));
    for (const one of crowd) one.ignoreOutput();
    const gone = (
      await Promise.all(crowd.map((one) => Promise.race([one.closed.then(() => 1), sleep(200, 0)])))
    ).filter(Boolean).length;
    expect(gone).toBe(5);
    client.signal(9);
    expect((await client.exited).exitCode).toBe(137);
  });

  test("that talk nonsense are sent away", async () => {
    const client = launch(shell("sleep 60"), "--socket-dir", directory);
    client.ignoreOutput();
    await client.started;
    const { connect } = await import("node:net");
    const socket = connect(join(directory, "attach.sock"));
    socket.on("error", () => {});
    socket.write(Buffer.alloc(100, 0xff));
    await once(socket.resume(), "close");
    client.signal(9);
    expect((await client.exited).exitCode).toBe(137);
  });
});
