/** kill -9 at random instants of what changes the store: nothing is wrong afterwards that the next command does not mend. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { Engine } from "../../src/index.ts";
import { killNow, randomNumbers, remains, SEED } from "./support/crash.ts";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const ROUNDS = 100;
const host = useHost({ pull: [] });
const { output } = host;
/** The same store by the library, which starts no process: only what is to be killed needs one. */
let engine: Engine;

const remove = (name: string): Promise<unknown> =>
  engine.images.remove(name, { force: true }).catch((error: { code?: string }) => {
    if (error.code !== "ERR_TSRUN_IMAGE_NOT_FOUND") throw error;
  });

interface Victim {
  /** Brings the store from where the round before has left it to where the command has something to do. */
  prepare(): Promise<unknown>;
  command: string[];
}

const both = async (): Promise<void> => {
  await engine.images.pull("one");
  await engine.images.pull("two");
};

/** Two images that share their lowest layer. */
const VICTIMS: Victim[] = [
  { prepare: () => remove("one").then(() => remove("two")), command: ["pull", "-q", "one"] },
  { prepare: () => engine.images.pull("one").then(() => remove("two")), command: ["pull", "-q", "two"] },
  { prepare: both, command: ["rmi", "one"] },
  { prepare: both, command: ["image", "prune", "-a", "-f"] },
  { prepare: () => remove("one").then(() => remove("two")), command: ["load", "-q", "-i", "both.tar"] },
];
/** How long each takes when nothing kills it, in milliseconds. */
const durations: number[] = [];

beforeAll(async () => {
  for (const name of ["one", "two"]) {
    const files = Array.from({ length: 300 }, (_, i) => ({
      path: `data/${name}-${i}`,
      data: `${name} ${i}`,
    }));
    await host.registry().pushImage(`library/${name}`, ["latest"], busyboxImage(files));
  }
  await output("pull", "-q", "one");
  await output("pull", "-q", "two");
  await output("save", "-o", join(host.directory, "both.tar"), "one", "two");
  const { root, run } = host;
  const config = loadConfig({ TSRUN_CONFIG: host.env.TSRUN_CONFIG });
  engine = new Engine({ paths: { root, run }, config });
  for (const { prepare, command } of VICTIMS) {
    await prepare();
    const started = performance.now();
    await output(...command);
    durations.push(performance.now() - started);
  }
});

test(`${ROUNDS} random instants of pull, load, rmi and prune`, { timeout: 240_000 }, async () => {
  const random = randomNumbers(SEED);
  let killed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const kind = round % VICTIMS.length;
    const { prepare, command } = VICTIMS[kind] as Victim;
    await prepare();
    const instant = random() * (durations[kind] as number);
    const started = performance.now();
    const victim = host.start({}, ...command);
    await Promise.race([sleep(instant), victim.result]);
    if (victim.child.exitCode === null) killed += 1;
    else durations[kind] = performance.now() - started; // the machine has less to do by now
    killNow(victim.child.pid);
    await victim.result;
    const what = `seed ${SEED}, round ${round}: ${command.join(" ")} killed after ${instant.toFixed(1)} ms`;
    expect((await engine.system.check()).findings, what).toEqual([]);
  }
  expect(killed).toBeGreaterThan(ROUNDS / 4);
  await output("pull", "-q", "one");
  const run = ["run", "--rm", "--network", "none", "--pull", "never", "one", "cat", "/data/one-299"];
  expect(await output(...run)).toBe("one 299");
  await output("image", "prune", "-f");
  const { findings, leftovers } = JSON.parse(await output("system", "check", "--format", "json"));
  expect({ findings, leftovers }).toEqual({ findings: [], leftovers: [] });
  expect(await remains(host)).toEqual([]);
});
