/** kill -9 at random instants of what changes the store: nothing is wrong afterwards that the next command does not mend. */
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { killNow, randomNumbers, remains, SEED } from "./support/crash.ts";
import { useHost } from "./support/host.ts";
import { busyboxImage } from "./support/images.ts";

const ROUNDS = 100;
const host = useHost({ pull: [] });
const { output, tsrun } = host;

interface Victim {
  /** Brings the store to where the command has something to do. */
  prepare: string[][];
  command: string[];
}

/** Two images that share their lowest layer. */
const VICTIMS: Victim[] = [
  { prepare: [["rmi", "-f", "one", "two"]], command: ["pull", "-q", "one"] },
  {
    prepare: [
      ["pull", "-q", "one"],
      ["rmi", "-f", "two"],
    ],
    command: ["pull", "-q", "two"],
  },
  {
    prepare: [
      ["pull", "-q", "one"],
      ["pull", "-q", "two"],
    ],
    command: ["rmi", "one"],
  },
  {
    prepare: [
      ["pull", "-q", "one"],
      ["pull", "-q", "two"],
    ],
    command: ["image", "prune", "-a", "-f"],
  },
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
  for (const { prepare, command } of VICTIMS) {
    for (const step of prepare) await tsrun(...step);
    const started = performance.now();
    await output(...command);
    durations.push(performance.now() - started);
  }
});

/** What `system check` finds, which has to be nothing: what was interrupted leaves no more than what nothing needs. */
async function faults(): Promise<string[]> {
  const { code, stdout, stderr } = await tsrun("system", "check", "--format", "json");
  if (code === 0) return [];
  return stdout.startsWith("{") ? JSON.parse(stdout).findings : [stderr];
}

test(`${ROUNDS} random instants of pull, rmi and prune`, { timeout: 240_000 }, async () => {
  const random = randomNumbers(SEED);
  let killed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const kind = round % VICTIMS.length;
    const { prepare, command } = VICTIMS[kind] as Victim;
    // What is prepared finds the store as the round before has left it: each is a next command.
    for (const step of prepare) await tsrun(...step);
    const instant = random() * (durations[kind] as number);
    const victim = host.start({}, ...command);
    await Promise.race([sleep(instant), victim.result]);
    killed += victim.child.exitCode === null ? 1 : 0;
    killNow(victim.child.pid);
    await victim.result;
    const what = `seed ${SEED}, round ${round}: ${command.join(" ")} killed after ${instant.toFixed(1)} ms`;
    expect(await faults(), what).toEqual([]);
  }
  expect(killed).toBeGreaterThan(ROUNDS / 2);
  await output("pull", "-q", "one");
  const run = ["run", "--rm", "--network", "none", "--pull", "never", "one", "cat", "/data/one-299"];
  expect(await output(...run)).toBe("one 299");
  await output("image", "prune", "-f");
  const { findings, leftovers } = JSON.parse(await output("system", "check", "--format", "json"));
  expect({ findings, leftovers }).toEqual({ findings: [], leftovers: [] });
  expect(await remains(host)).toEqual([]);
});
