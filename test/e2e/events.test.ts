/** `tsrun events`: everything that happens is told, in order, whoever is killed and however many are at work. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually, killNow, monitorsOf } from "./support/crash.ts";
import { useHost } from "./support/host.ts";
import { ended } from "./support/processes.ts";

const host = useHost({ pull: [] });
const IMAGE = "tsrun/base";

interface Told {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  time: number;
  timeNano: number;
}

async function history(...flags: string[]): Promise<Told[]> {
  const text = await host.output("events", "--since", "0", "--until", "0s", "--format", "json", ...flags);
  return text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Told);
}
const actionsOf = (events: readonly Told[]): string[] =>
  events.map(({ Type, Action }) => `${Type} ${Action}`);
/** A container's own, its network's among them. */
async function lifeOf(id: string): Promise<Told[]> {
  const all = await history();
  return all.filter(({ Actor }) => Actor.ID === id || Actor.Attributes["container"] === id);
}

test("a whole life, in order", async () => {
  const id = await host.output("run", "-d", "--name", "web", "--label", "tier=front", IMAGE, "sleep", "1000");
  await host.tsrun("exec", "web", "sh", "-c", "exit 3");
  await host.output("stop", "-t", "0", "web");
  await host.output("rm", "web");
  const life = await lifeOf(id);
  expect(actionsOf(life)).toEqual([
    "container create",
    "network connect",
    "container start",
    "container exec_create: sh -c exit 3",
    "container exec_start: sh -c exit 3",
    "container exec_die",
    "container kill",
    "container kill",
    "container die",
    "network disconnect",
    "container stop",
    "container destroy",
  ]);
  const times = life.map(({ timeNano }) => timeNano);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  const own = life.filter(({ Type }) => Type === "container").map(({ Actor }) => Actor.Attributes);
  for (const attributes of own)
    expect(attributes).toMatchObject({ image: IMAGE, name: "web", tier: "front" });
  expect(own.flatMap(({ signal }) => signal ?? [])).toEqual(["15", "9"]);
  expect(own.flatMap(({ exitCode }) => exitCode ?? [])).toEqual(["3", "137"]);
  expect(new Set(own.flatMap(({ execID }) => execID ?? [])).size).toBe(1);
  expect((await history("-f", "type=image"))[0]).toMatchObject({
    Action: "pull",
    Actor: { ID: `${IMAGE}:latest` },
  });
});

test("run --rm: attached, ended, gone", async () => {
  const { code } = await host.tsrun(
    "run",
    "--rm",
    "--name",
    "job",
    "--network",
    "none",
    IMAGE,
    "sh",
    "-c",
    "exit 7",
  );
  expect(code).toBe(7);
  const life = await history("-f", "container=job");
  expect(actionsOf(life)).toEqual(
    ["create", "attach", "start", "die", "destroy"].map((action) => `container ${action}`),
  );
  expect(life[3]?.Actor.Attributes).toMatchObject({
    exitCode: "7",
    execDuration: expect.stringMatching(/^\d$/),
  });
});

test("a stream tells what happens as it happens, and nothing of the past", async () => {
  const stream = host.start({}, "events", "-f", "container=live", "--format", "{{.Action}}");
  // Long enough for this machine to start it, and several containers beside it.
  const began = performance.now();
  await history();
  const patience = 2000 + 10 * (performance.now() - began);
  const everything = host.start({}, "events", "--until", new Date(Date.now() + patience).toISOString());
  // It says nothing of when it listens: ask until it tells of something.
  for (let attempt = 0; !/create/.test(stream.output()); attempt++) {
    await host.output("run", "--rm", "--network", "none", "--name", `live-${attempt}`, IMAGE, "true");
    if (attempt > 100) throw new Error("the stream tells nothing");
  }
  expect(
    (await host.tsrun("run", "--name", "live-last", "--network", "none", IMAGE, "sh", "-c", "exit 5")).code,
  ).toBe(5);
  await stream.until(/start\ndie\n$/);
  await host.output("rm", "live-last");
  await stream.until(/create\nattach\nstart\ndie\ndestroy\n$/);
  stream.child.kill("SIGINT");
  expect((await stream.result).code).toBe(130);
  const { code, stdout } = await everything.result;
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\S+ container destroy [0-9a-f]{64} \(image=tsrun\/base, name=live-\d+\)$/m);
});

test("8 processes at once lose no event", async () => {
  const names = Array.from({ length: 8 }, (_, worker) => `many-${worker}`);
  const loop = (name: string) =>
    host.shell(
      `for round in 1 2 3; do tsrun run --rm --network none --label ${name}=$round ${IMAGE} true || exit 1; done`,
    );
  const results = await Promise.all(names.map(loop));
  expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(names.map(() => [0, ""]));
  for (const name of names) {
    const events = await history("-f", `label=${name}`);
    const rounds = Map.groupBy(events, ({ Actor }) => Actor.Attributes[name]);
    expect([...rounds.keys()].sort()).toEqual(["1", "2", "3"]);
    for (const life of rounds.values())
      expect(life.map(({ Action }) => Action)).toEqual(["create", "attach", "start", "die", "destroy"]);
  }
});

test("the end is told after the command was killed, under the monitor's eyes", async () => {
  const run = host.start(
    {},
    "run",
    "--name",
    "left",
    "--network",
    "none",
    IMAGE,
    "sh",
    "-c",
    "echo ready; sleep 1; exit 9",
  );
  await run.until(/ready/);
  killNow(run.child.pid);
  await run.result;
  const die = await dieOf("left");
  expect(die).toMatchObject({ exitCode: "9", execDuration: expect.stringMatching(/^[1-9]$/) });
  await host.output("rm", "left");
});

test.each([[[]], [["--rm"]]])("the end is told after the monitor was killed: run -d %j", async (flags) => {
  const name = `lost-${flags.length}`;
  const id = await host.output(
    "run",
    "-d",
    ...flags,
    "--name",
    name,
    "--network",
    "none",
    IMAGE,
    "sleep",
    "1000",
  );
  await killMonitorOf(id);
  await host.output("ps", "-a");
  await host.output("ps", "-a"); // tells it once
  expect(await dieOf(name)).toMatchObject({ exitCode: "137" });
  await host.tsrun("rm", "-f", name);
  const actions = (await lifeOf(id)).map(({ Action }) => Action);
  expect(actions).toEqual(["create", "start", "die", "destroy"]);
});

test("rm -f tells the end that nobody has told", async () => {
  const id = await host.output("run", "-d", "--name", "gone", "--network", "none", IMAGE, "sleep", "1000");
  await killMonitorOf(id);
  await host.output("rm", "-f", "gone");
  const actions = (await lifeOf(id)).map(({ Action }) => Action);
  expect(actions).toEqual(["create", "start", "die", "destroy"]);
});

test("a client's signals are told of, and that it lets go", async () => {
  const flags = ["--network", "none", IMAGE, "sh", "-c"];
  const run = host.start(
    {},
    "run",
    "--rm",
    "--name",
    "told",
    ...flags,
    "trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done",
  );
  await run.until(/ready/);
  run.child.kill("SIGTERM");
  expect((await run.result).code).toBe(4);
  const told = await history("-f", "container=told");
  expect(told.map(({ Action }) => Action)).toEqual(["create", "attach", "start", "kill", "die", "destroy"]);
  expect(told[3]?.Actor.Attributes["signal"]).toBe("15");

  await host.shell(
    `tsrun run --name pipe ${flags.join(" ")} 'while echo x; do sleep 0.01; done' | head -n 1`,
  );
  await host.shell(`tsrun exec pipe sh -c 'while echo x; do sleep 0.01; done' | head -n 1`);
  await host.output("kill", "pipe");
  await host.output("rm", "pipe");
  const piped = (await history("-f", "container=pipe")).map(({ Action }) => Action.split(":")[0]);
  expect(piped.filter((action) => !/exec_(create|start|die)/.test(action as string))).toEqual([
    "create",
    "attach",
    "start",
    "detach",
    "exec_detach",
    "kill",
    "die",
    "destroy",
  ]);
});

test("memory that ran out is told before the end", async () => {
  await host.tsrun("run", "--name", "greedy", "--network", "none", "-m", "16m", IMAGE, "tail", "/dev/zero");
  await host.output("rm", "greedy");
  const told = await history("-f", "container=greedy");
  expect(told.map(({ Action }) => Action)).toEqual(["create", "attach", "start", "oom", "die", "destroy"]);
  expect(told[4]?.Actor.Attributes["exitCode"]).toBe("137");
});

test("health is told of as it changes", async () => {
  const check = "test -e /ill && exit 1; exit 0";
  await host.output(
    ...[
      "run",
      "-d",
      "--name",
      "patient",
      "--network",
      "none",
      "--health-interval",
      "100ms",
      "--health-retries",
      "1",
    ],
    ...["--health-cmd", check, IMAGE, "sleep", "1000"],
  );
  const told = host.start(
    {},
    "events",
    "--since",
    "0",
    "-f",
    "container=patient",
    "-f",
    "event=health_status",
  );
  await told.until(/health_status: healthy/);
  await host.output("exec", "patient", "touch", "/ill");
  await told.until(/health_status: unhealthy .*name=patient/);
  told.child.kill("SIGINT");
  await told.result;
  await host.output("rm", "-f", "patient");
  expect((await history("-f", "container=patient", "-f", "event=health_status")).length).toBe(2);
  // A probe is told of as an exec.
  const probes = (await history("-f", "container=patient")).filter(
    ({ Action, Actor }) =>
      Action === "exec_die" ||
      (/^exec_(create|start): /.test(Action) && Actor.Attributes.execID !== undefined),
  );
  const [created] = probes.filter(({ Action }) => Action === `exec_create: /bin/sh -c ${check}`);
  const same = probes.filter(({ Actor }) => Actor.Attributes.execID === created?.Actor.Attributes.execID);
  expect(same.map(({ Action }) => Action.replace(/:.*/, ""))).toEqual([
    "exec_create",
    "exec_start",
    "exec_die",
  ]);
  expect(created?.Actor.Attributes.execID).toMatch(/^[0-9a-f]{64}$/);
  expect(same[2]?.Actor.Attributes.exitCode).toBe("0");
});

test("what a container goes through is told of", async () => {
  const id = await host.output("run", "-d", "--name", "first", "--network", "none", IMAGE, "sleep", "1000");
  await host.output("rename", "first", "second");
  await host.output("pause", "second");
  await host.output("unpause", "second");
  await host.output("update", "--restart", "on-failure", "second");
  await host.output("top", "second");
  await host.output("restart", "-t", "0", "second");
  await host.output("kill", "second");
  await host.output("rm", "second");
  const life = await lifeOf(id);
  expect(life.map(({ Action }) => Action)).toEqual([
    ...["create", "start", "rename", "pause", "unpause", "update", "top"],
    ...["kill", "kill", "die", "stop", "start", "restart", "kill", "die", "destroy"],
  ]);
  const names = life.map(({ Actor }) => Actor.Attributes["name"]);
  expect(names).toEqual(["first", "first", ...Array.from({ length: 14 }, () => "second")]);
  expect(life[2]?.Actor.Attributes["oldName"]).toBe("/first");
});

test("a restart policy is seen at work", async () => {
  const flags = ["--restart", "on-failure:1", "--network", "none"];
  const id = await host.output("run", "-d", ...flags, IMAGE, "sh", "-c", "exit 3");
  const policy = ["create", "start", "die", "start", "die"];
  for (let patience = 100; (await lifeOf(id)).length < policy.length && patience > 0; patience--)
    await sleep(50);
  await host.output("rm", "-f", id);
  expect((await lifeOf(id)).map(({ Action }) => Action)).toEqual([...policy, "destroy"]);
});

test("images are told of", async () => {
  const before = (await history("-f", "type=image")).length;
  await host.output("rmi", IMAGE);
  await host.output("pull", "-q", IMAGE);
  const told = (await history("-f", "type=image")).slice(before);
  expect(told.map(({ Action }) => Action)).toEqual(["untag", "untag", "delete", "pull"]);
  expect(told[0]?.Actor.ID).toMatch(/^sha256:/);
  expect(told.slice(0, 2).map(({ Actor }) => Actor.Attributes["name"])).toContain(`${IMAGE}:latest`);
});

test("wrong words are refused", async () => {
  const filter = await host.tsrun("events", "--until", "0s", "-f", "colour=red");
  expect([filter.code, filter.stderr]).toEqual([1, expect.stringContaining("invalid filter 'colour'")]);
  expect((await host.tsrun("events", "--since", "tomorrow")).code).toBe(125);
  expect((await host.tsrun("events", "--since", "0s", "--until", "10m")).stderr).toContain("cannot be after");
  expect((await host.tsrun("events", "web")).code).toBe(1);
});

/** Returns when the container's process has ended too, which the kernel kills after its monitor. */
async function killMonitorOf(id: string): Promise<void> {
  const pid = Number(await host.output("inspect", "-f", "{{.State.Pid}}", id));
  for (const monitor of monitorsOf(host)) killNow(monitor);
  await eventually(() => (monitorsOf(host).length === 0 ? true : undefined));
  await ended(pid);
}

/** The attributes of the one time that a container of this name died. */
async function dieOf(name: string): Promise<Record<string, string> | undefined> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const events = await history("-f", `container=${name}`, "-f", "event=die");
    if (events.length > 1) throw new Error(`${name} died ${events.length} times`);
    if (events[0]) return events[0].Actor.Attributes;
    await sleep(100);
  }
  return undefined;
}
