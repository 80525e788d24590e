/** kill -9 at random instants: whatever is killed, `ps -a` stays truthful and `rm -f` leaves nothing. */
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, expect, test } from "vitest";
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
const SLEEPER = ["sleep", "1000"];

/** What the shell of a user who types `run` waits for, in milliseconds. */
let duration = 0;

beforeAll(async () => {
  await host.output("pull", "-q", IMAGE);
  await host.output("run", "--rm", IMAGE, "true");
  const started = performance.now();
  for (let round = 0; round < 3; round++) await host.output("run", "--rm", IMAGE, "true");
  duration = (performance.now() - started) / 3;
});

/** Nothing that a test leaves may disturb the next; each says itself whether that is in order. */
afterEach(async () => {
  await removeAll(host);
});

const KINDS = [[], ["--rm"], ["-d"], ["-d", "--rm"]].flatMap((flags) => [
  [...flags, "--network", "bridge"],
  [...flags, "--network", "none"],
]);
const VICTIMS = ["command", "monitor", "both"] as const;

test("50 random instants of run", { timeout: 240_000 }, async () => {
  const random = randomNumbers(SEED);
  for (let round = 0; round < 50; round++) {
    const flags = KINDS[round % KINDS.length] as string[];
    const victim = VICTIMS[round % VICTIMS.length] as (typeof VICTIMS)[number];
    const command = round % 5 === 4 ? ["true"] : SLEEPER;
    const run = host.start({}, "run", ...flags, IMAGE, ...command);
    const delay = random() * duration * 1.2;
    if (victim === "monitor") {
      await eventually(() => (monitorsOf(host).length > 0 || run.child.exitCode !== null ? true : undefined));
      await sleep(delay / 4);
    } else await sleep(delay);
    if (victim !== "command") monitorsOf(host).forEach(killNow);
    if (victim !== "monitor") killNow(run.child.pid);
    // A detached one has said all; a foreground one whose monitor is gone has nothing to wait for.
    if (victim === "command" || run.child.exitCode === null) await Promise.race([run.result, sleep(5000)]);
    const wrong = await untruths(host);
    killNow(run.child.pid);
    await run.result;
    wrong.push(...(await removeAll(host)));
    const what = `seed ${SEED}, round ${round}: ${victim} of run ${flags.join(" ")} killed after ${delay.toFixed(1)} ms`;
    expect(wrong, `${what}\n${run.output()}`).toEqual([]);
  }
});

test("a foreground run notices that its monitor was killed, and --rm holds", async () => {
  const run = host.start({}, "run", "--rm", IMAGE, "sh", "-c", "echo ready; sleep 1000");
  await run.until(/ready/);
  monitorsOf(host).forEach(killNow);
  const { code, stderr } = await run.result;
  expect(code).toBe(125);
  expect(stderr).toContain("monitor process ended");
  expect(await remains(host)).toEqual([]);
});

test("a container whose monitor was killed has exited, with what is known of it", async () => {
  const id = await host.output("run", "-d", IMAGE, ...SLEEPER);
  monitorsOf(host).forEach(killNow);
  await eventually(() => (monitorsOf(host).length === 0 ? true : undefined));
  expect(await untruths(host)).toEqual([]);
  expect(await host.output("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", id)).toBe("exited 137");
  expect((await host.tsrun("exec", id, "true")).stderr).toContain("is not running");
  expect(await host.output("rm", id)).toBe(id);
});

test("a container outlives the command that started it in the foreground", async () => {
  const run = host.start(
    {},
    "run",
    "--name",
    "orphan",
    IMAGE,
    "sh",
    "-c",
    "echo ready; sleep 0.3; echo later; exit 3",
  );
  await run.until(/ready/);
  killNow(run.child.pid);
  await run.result;
  await eventually(() => (monitorsOf(host).length === 0 ? true : undefined));
  expect(await host.output("inspect", "-f", "{{.State.ExitCode}}", "orphan")).toBe("3");
  expect(await host.output("logs", "orphan")).toBe("ready\nlater");
});

test("a command killed while its monitor waits for it to look at a failure", async () => {
  const random = randomNumbers(SEED);
  for (let round = 0; round < 8; round++) {
    const run = host.start({}, "run", "--rm", IMAGE, "no-such-command");
    await eventually(() => (monitorsOf(host).length > 0 || run.child.exitCode !== null ? true : undefined));
    await sleep(random() * 15);
    const victims = round % 2 === 0 ? monitorsOf(host) : [...monitorsOf(host), run.child.pid];
    victims.forEach(killNow);
    const { code } = await run.result;
    expect([125, 127, 137], `seed ${SEED}, round ${round}`).toContain(code);
    expect([...(await untruths(host)), ...(await removeAll(host))], `seed ${SEED}, round ${round}`).toEqual(
      [],
    );
  }
});

/** Starts the command, kills it after a random part of the time that it takes, and waits for its end. */
async function killDuring(args: string[], instant: number): Promise<void> {
  const command = host.start({}, ...args);
  await Promise.race([sleep(instant), command.result]);
  killNow(command.child.pid);
  await command.result;
}

test("a monitor killed while its child waits with a failure: nothing waits for ever", async () => {
  let met = 0;
  for (let round = 0; round < 20 && met < 3; round++) {
    const run = host.start({}, "run", "--rm", "--sysctl", "net.ipv4.no_such_setting=1", IMAGE, "true");
    await eventually(() => (monitorsOf(host).length > 0 || run.child.exitCode !== null ? true : undefined));
    run.child.kill("SIGSTOP"); // so that nobody tells the child to go
    await sleep(100);
    met += monitorsOf(host).length;
    monitorsOf(host).forEach(killNow);
    run.child.kill("SIGCONT");
    expect((await run.result).code).toBe(125);
    expect([...(await untruths(host)), ...(await removeAll(host))]).toEqual([]);
  }
  expect(met).toBeGreaterThan(0);
});

test("rm, stop and exec killed half-way", { timeout: 120_000 }, async () => {
  const random = randomNumbers(SEED);
  for (let round = 0; round < 12; round++) {
    const id = await host.output("run", "-d", ...(round % 2 ? ["--rm"] : []), IMAGE, ...SLEEPER);
    const verb = [["rm", "-f"], ["stop", "-t", "0"], ["exec"]][round % 3] as string[];
    const rest = verb[0] === "exec" ? [id, "sleep", "1000"] : [id];
    await killDuring([...verb, ...rest], random() * duration * 1.2);
    const what = `seed ${SEED}, round ${round}: ${verb[0]}`;
    expect([...(await untruths(host)), ...(await removeAll(host))], what).toEqual([]);
  }
});

test("the monitor of an exec killed: its process goes, the container stays", async () => {
  const id = await host.output("run", "-d", IMAGE, ...SLEEPER);
  const exec = host.start({}, "exec", id, "sh", "-c", "echo ready; sleep 1000");
  await exec.until(/ready/);
  // The container's own monitor names its state file, that of exec has nothing but the id.
  const monitor = await eventually(() => execMonitor(id));
  killNow(monitor);
  expect((await exec.result).code).not.toBe(0);
  expect(await host.output("exec", id, "sh", "-c", "ps | grep -c '[s]leep 1000'")).toBe("1");
  expect(await untruths(host)).toEqual([]);
});

function execMonitor(id: string): number | undefined {
  const all = processesAnywhere(`tsrun-monitor --id ${id} `);
  return all.find((pid) => !monitorsOf(host).includes(pid));
}

function processesAnywhere(words: string): number[] {
  return processesOf({ ...host, directory: "" }, new RegExp(`^${words}`));
}

test("pull killed half-way: nothing half is visible, and the next one succeeds", {
  timeout: 120_000,
}, async () => {
  const random = randomNumbers(SEED);
  for (let round = 0; round < 10; round++) {
    const started = performance.now();
    if (round === 0) await host.output("pull", "-q", "alpine");
    const whole = round === 0 ? performance.now() - started : duration * 3;
    await host.tsrun("rmi", "-f", "alpine");
    await killDuring(["pull", "-q", "alpine"], random() * whole);
    const images = await host.output("images", "-q", "alpine");
    if (images !== "")
      expect(await host.output("run", "--rm", "--pull", "never", "alpine", "echo", "whole")).toBe("whole");
  }
  await host.output("pull", "-q", "alpine");
  expect(await host.output("run", "--rm", "--pull", "never", "alpine", "echo", "whole")).toBe("whole");
  await host.output("rmi", "alpine");
  expect(await remains(host)).toEqual([]);
});

test("after a power failure nothing claims to run, and everything can be removed", async () => {
  const id = await host.output("run", "-d", "--name", "before", IMAGE, ...SLEEPER);
  const stateFile = join(host.root, "containers", id, "state.json");
  const running = JSON.parse(readFileSync(stateFile, "utf8"));
  expect(running.status).toBe("running");
  await host.output("kill", id);
  await eventually(() => (monitorsOf(host).length === 0 ? true : undefined));
  // What the disk holds after a boot: the old words, no runtime directory, and the pid somebody else's.
  writeFileSync(stateFile, JSON.stringify({ ...running, pid: process.pid }));
  rmSync(host.run, { recursive: true });

  expect(await host.output("ps", "-q")).toBe("");
  expect((await listed(host)).map(({ Status }) => Status)).toEqual([
    expect.stringMatching(/^Exited \(137\)/),
  ]);
  expect((await host.tsrun("exec", "before", "true")).stderr).toContain("is not running");
  expect((await host.tsrun("kill", "before")).code).toBe(1);
  expect(await host.output("rm", "before")).toBe("before");
  expect(await host.output("run", "--rm", "--name", "before", IMAGE, "echo", "again")).toBe("again");
  expect(await remains(host)).toEqual([]);
});

test("a command that nobody reads from any more ends, and its container with --rm too", async () => {
  const run = host.start({}, "run", "--rm", IMAGE, "yes");
  await run.until(/y/);
  run.child.stdout?.destroy();
  await once(run.child, "exit");
  await removeAll(host);
  expect(await remains(host)).toEqual([]);
});
