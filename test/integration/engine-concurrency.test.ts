/** Many at once: commands of several processes and two engines of this one, on the same containers and images. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { Engine, TsrunError } from "../../src/index.ts";
import { TSRUN } from "../support/cli.ts";
import { IMAGE, removeAll, textOf, useEngine } from "../support/engine.ts";
import { startRegistry, type TestRegistry } from "../support/registry.ts";
import { gzipLayer } from "../support/tar-layer.ts";

const host = useEngine();
const { engine, paths } = host;
const second = new Engine({ paths, config: loadConfig({}) });
const SLEEPER = { image: IMAGE, network: "none" as const, command: ["sleep", "1000"] };

let registry: TestRegistry;
let watching = true;
let watcher: Promise<number>;

beforeAll(async () => {
  registry = await startRegistry();
  watcher = watch();
});

/** `ps` during all of it never fails. */
afterAll(async () => {
  watching = false;
  await registry.stop();
  expect(await watcher).toBeGreaterThan(0);
});

async function watch(): Promise<number> {
  for (let looks = 0; ; looks++) {
    if (!watching) return looks;
    for (const { record } of await second.list()) await second.inspect(record.id).catch(onlyGone);
    await sleep(20);
  }
}

function onlyGone(error: unknown): void {
  if (!(error instanceof TsrunError && error.code === "ERR_TSRUN_CONTAINER_NOT_FOUND")) throw error;
}

async function cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = {
    PATH: process.env.PATH,
    HOME: host.directory,
    TSRUN_ROOT: paths.root,
    TSRUN_RUN: paths.run,
  };
  const child = spawn(TSRUN, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [code]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, "close"),
  ]);
  return { code, stdout, stderr };
}

/** The codes of what failed; what is no TsrunError fails the test. */
function codesOf(results: readonly PromiseSettledResult<unknown>[]): string[] {
  return results.flatMap((result) => {
    if (result.status === "fulfilled") return [];
    if (result.reason instanceof TsrunError) return [result.reason.code];
    throw result.reason;
  });
}

test("of 20 that want the same name exactly one gets it", async () => {
  const inside = [engine, second].flatMap((each) =>
    Array.from({ length: 6 }, () => each.run({ ...SLEEPER, name: "wanted" })),
  );
  const outside = Array.from({ length: 8 }, () =>
    cli("run", "-d", "--network", "none", "--name", "wanted", IMAGE, "sleep", "1000"),
  );
  const results = await Promise.allSettled(inside);
  const ends = await Promise.all(outside);
  const refused = ends.filter(({ code }) => code === 125);
  expect(results.filter(({ status }) => status === "fulfilled").length + ends.length - refused.length).toBe(
    1,
  );
  expect(new Set(codesOf(results))).toEqual(new Set(["ERR_TSRUN_NAME_CONFLICT"]));
  for (const { stderr } of refused)
    expect(stderr).toContain('The container name "/wanted" is already in use');
  expect(await engine.list()).toHaveLength(1);
  expect((await engine.inspect("wanted")).state.status).toBe("running");
});

test("30 at once on the bridge have 30 addresses, and give them back", async () => {
  const bridged = { ...SLEEPER, network: "bridge" as const };
  const inside = [engine, second].flatMap((each) => Array.from({ length: 10 }, () => each.run(bridged)));
  const outside = Array.from({ length: 10 }, () => cli("run", "-d", IMAGE, "sleep", "1000"));
  await Promise.all(inside);
  for (const { code, stderr } of await Promise.all(outside)) expect(code, stderr).toBe(0);
  const addresses = (await engine.list()).map(({ state }) => state.networks?.[0]?.address);
  expect(new Set(addresses).size).toBe(30);
  expect(addresses).not.toContain(undefined);
  for (const { state } of await engine.list()) {
    expect(readFileSync(`/proc/${state.pid}/net/fib_trie`, "utf8")).toContain(
      state.networks?.[0]?.address.split("/")[0],
    );
  }
  await Promise.all(
    (await engine.list()).map(({ record }, index) =>
      (index % 2 ? engine : second).remove(record.id, { force: true }),
    ),
  );
  expect(await engine.list()).toEqual([]);
});

const RACE_LOSSES = [
  "ERR_TSRUN_CONTAINER_NOT_FOUND",
  "ERR_TSRUN_CONTAINER_NOT_RUNNING",
  "ERR_TSRUN_CONTAINER_RUNNING",
  // Said by attach, whose connection the monitor had no time to accept.
  "ERR_TSRUN_MONITOR_DIED",
];

/** What failed in another way than by losing the race; whole, to be read when the test fails. */
function unexpected(results: readonly PromiseSettledResult<unknown>[]): unknown[] {
  codesOf(results);
  return results.flatMap((result) =>
    result.status === "rejected" && !RACE_LOSSES.includes(result.reason.code) ? [result.reason] : [],
  );
}

test("rm -f against stop, kill and exec: each succeeds or says what the others did", {
  timeout: 120_000,
}, async () => {
  for (let round = 0; round < 12; round++) {
    const { containerId: id } = await engine.run({ ...SLEEPER, autoRemove: round % 3 === 0 });
    const verbs = [
      () => engine.remove(id, { force: true }),
      () => second.stop(id, { timeout: 0 }),
      () => engine.kill(id),
      async () => (await second.exec(id, { command: ["true"] })).exited,
      () => second.remove(id, { force: true }),
      async () => (await engine.attach(id)).exited,
    ];
    const from = round % verbs.length;
    const results = await Promise.allSettled(
      [...verbs.slice(from), ...verbs.slice(0, from)].map((verb) => verb()),
    );
    expect(unexpected(results), `round ${round}`).toEqual([]);
    expect(await engine.list(), `round ${round}`).toEqual([]);
  }
});

test("rm -f against start", { timeout: 120_000 }, async () => {
  for (let round = 0; round < 12; round++) {
    const { id } = await engine.create({ ...SLEEPER, network: round % 2 ? "none" : "bridge" });
    const starts = Promise.allSettled([engine.start(id), second.start(id)]);
    await sleep(round * 3);
    const remove = cli("rm", "-f", id);
    expect(unexpected(await starts), `round ${round}`).toEqual([]);
    const { code, stderr } = await remove;
    expect(code, `round ${round}: ${stderr}`).toBe(0);
    expect(await engine.list(), `round ${round}`).toEqual([]);
  }
});

test("a container that ends and is started again and again, by whoever comes first", async () => {
  const { id } = await engine.create({ ...SLEEPER, command: ["true"] });
  let starts = 0;
  const keepStarting = async (each: Engine): Promise<void> => {
    while (starts < 10) {
      const handle = await each.start(id).catch((error: unknown) => {
        if (error instanceof TsrunError && error.code === "ERR_TSRUN_CONTAINER_RUNNING") return undefined;
        throw error;
      });
      if (handle === undefined) continue;
      starts++;
      expect((await handle.exited).exitCode).toBe(0);
    }
  };
  await Promise.all([keepStarting(engine), keepStarting(second)]);
  expect((await engine.inspect(id)).state).toMatchObject({ status: "exited", exitCode: 0, error: "" });
});

async function pushImage(): Promise<string> {
  const layers = Array.from({ length: 4 }, (_, index) =>
    gzipLayer([
      ...(index === 0
        ? [{ path: "bin/" }, { path: "bin/busybox", data: readFileSync("/bin/busybox"), mode: 0o755 }]
        : []),
      { path: `layer-${index}`, data: Buffer.alloc(300_000, index) },
    ]),
  );
  await registry.pushImage("crowd", ["latest"], { layers, config: { Cmd: ["/bin/busybox", "true"] } });
  return `${registry.host}/crowd`;
}

test("the same image pulled by four at once", async () => {
  const name = await pushImage();
  const pulls = [
    engine.images.pull(name),
    second.images.pull(name),
    cli("pull", "-q", name),
    cli("pull", "-q", name),
  ] as const;
  const [one, other, ...ends] = await Promise.all(pulls);
  expect(other.id).toBe(one.id);
  for (const { code, stderr } of ends) expect(code, stderr).toBe(0);
  expect(await engine.images.list(name)).toHaveLength(1);
  const handle = await engine.run({ image: name, network: "none" });
  expect((await handle.exited).exitCode).toBe(0);
  await removeAll(engine);
  await engine.images.remove(name);
});

test("rmi against run: whoever loses says so, and what runs is whole", { timeout: 120_000 }, async () => {
  const name = await pushImage();
  const outcomes = { ran: 0, lost: 0 };
  for (let round = 0; round < 12; round++) {
    await engine.images.pull(name);
    const run = engine.run({
      image: name,
      network: "none",
      pull: "never",
      command: ["/bin/busybox", "cat", "/layer-3"],
    });
    await sleep(round);
    const remove = second.images.remove(name, { force: round % 2 === 0 });
    const [ran, removed] = await Promise.allSettled([run, remove]);
    if (ran.status === "fulfilled") {
      outcomes.ran += 1;
      expect((await textOf(ran.value.stdout)).length, `round ${round}`).toBe(300_000);
      expect((await ran.value.exited).exitCode).toBe(0);
    } else {
      outcomes.lost += 1;
      expect(codesOf([ran]), `round ${round}`).toEqual(["ERR_TSRUN_IMAGE_NOT_FOUND"]);
    }
    expect(["ERR_TSRUN_IMAGE_IN_USE"], `round ${round}`).toEqual(expect.arrayContaining(codesOf([removed])));
    await removeAll(engine);
  }
  expect(outcomes.ran + outcomes.lost).toBe(12);
  await engine.images.remove(name).catch(() => {});
});
