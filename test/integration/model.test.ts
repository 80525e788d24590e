/**
 * Random commands, some at once, some killed, against a model of what containers may do (support/container-model.ts):
 * every result and, after every step, what `ps -a` shows has to be possible.
 *
 * 500 sequences, or as many as fit in a minute; TSRUN_MODEL_RUNS runs so many, however long it takes (npm run
 * test:model: 3000).
 * A failure prints its seed and path: TSRUN_TEST_SEED and TSRUN_MODEL_PATH repeat it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isOwned } from "../../src/engine/ownership.ts";
import { isRunning } from "../../src/engine/state.ts";
import type { ContainerSummary } from "../../src/index.ts";
import { TsrunError } from "../../src/index.ts";
import { processStartTicks } from "../../src/kernel/process.ts";
import { TSRUN } from "../support/cli.ts";
import {
  type Command,
  type Done,
  explain,
  type Program,
  shown,
  type Verb,
  type World,
} from "../support/container-model.ts";
import { IMAGE, removeAll, until, useEngine } from "../support/engine.ts";

const host = useEngine();
const { engine, paths } = host;

const RUNS = Number(process.env.TSRUN_MODEL_RUNS ?? 0);
const DEFAULT_MS = 60_000;
const SETTLE_MS = 10_000;
const WAIT_MS = 150;

const PROGRAMS: Record<Program, string[]> = {
  sleep: ["sleep", "1000"],
  brief: ["sh", "-c", "exit 7"],
};

/** Commands at once; the first of them a real process that is killed after so many milliseconds, where that is set. */
interface Batch {
  commands: Command[];
  killAfter?: number;
}

/** No hexadecimal digits: an id may begin with those. */
const name = fc.constantFrom("xx", "yy");
const command = (...verbs: Verb[]): fc.Arbitrary<Command> =>
  fc.record({ verb: fc.constantFrom(...verbs), name });
const create = fc.record({
  verb: fc.constant<Verb>("create"),
  name,
  program: fc.constantFrom<Program>("sleep", "sleep", "brief"),
});
const rename = fc.record({ verb: fc.constant<Verb>("rename"), name, to: fc.constantFrom("xx", "yy", "zz") });
const change = fc.oneof(
  { weight: 2, arbitrary: create },
  { weight: 1, arbitrary: rename },
  {
    weight: 7,
    arbitrary: command("start", "start", "stop", "kill", "pause", "unpause", "restart", "rm", "rm -f"),
  },
);
const any = fc.oneof(
  { weight: 4, arbitrary: change },
  { weight: 1, arbitrary: command("signal", "exec", "wait", "inspect") },
);

const alone: fc.Arbitrary<Batch> = any.map((only) => ({ commands: [only] }));
const together: fc.Arbitrary<Batch> = fc
  .array(any, { minLength: 2, maxLength: 3 })
  .map((commands) => ({ commands: answerable(commands) }));
const monitorKilled: fc.Arbitrary<Batch> = fc
  .tuple(command("kill monitor"), fc.option(command("stop", "kill", "rm -f", "exec", "inspect")))
  .map(([killing, other]) => ({ commands: other === null ? [killing] : [killing, other] }));
const commandKilled: fc.Arbitrary<Batch> = fc
  .tuple(change, fc.option(change), fc.integer({ min: 1, max: 120 }))
  .map(([first, other, killAfter]) => ({ commands: other === null ? [first] : [first, other], killAfter }));

const batch = fc.oneof(
  { weight: 5, arbitrary: alone },
  { weight: 3, arbitrary: together },
  { weight: 1, arbitrary: monitorKilled },
  { weight: 1, arbitrary: commandKilled },
);

/** What there may be in the beginning, so that not half of all sequences begin with nothing. */
const beginnings: Command[][] = [
  [],
  [{ verb: "create", name: "xx" }],
  [
    { verb: "create", name: "xx" },
    { verb: "start", name: "xx" },
  ],
  [
    { verb: "create", name: "xx" },
    { verb: "start", name: "xx" },
    { verb: "create", name: "yy", program: "brief" },
  ],
];

/** A process of exec in a container that is paused meanwhile would wait for ever. */
function answerable(commands: Command[]): Command[] {
  const pauses = commands.some(({ verb }) => verb === "pause");
  return commands.map((each) => (pauses && each.verb === "exec" ? { ...each, verb: "inspect" } : each));
}

const sequence = fc.tuple(
  fc.constantFrom(...beginnings).map((commands) => commands.map((each): Batch => ({ commands: [each] }))),
  fc.array(batch, { minLength: 1, maxLength: 8 }),
);

test("random commands do what the model says", { timeout: RUNS > 0 ? 3_600_000 : 240_000 }, async () => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(sequence, async ([beginning, batches]) => {
      runs += 1;
      await follow([...beginning, ...batches]);
    }),
    {
      numRuns: RUNS || 500,
      ...(RUNS > 0 ? {} : { interruptAfterTimeLimit: DEFAULT_MS }),
      ...(process.env.TSRUN_TEST_SEED === undefined ? {} : { seed: Number(process.env.TSRUN_TEST_SEED) }),
      ...(process.env.TSRUN_MODEL_PATH === undefined ? {} : { path: process.env.TSRUN_MODEL_PATH }),
    },
  );
  process.stderr.write(`model: ${runs} sequences\n`);
  expect(runs).toBeGreaterThan(20);
});

/** Carries the batches out one after the other; throws where something is seen that cannot be. */
async function follow(batches: readonly Batch[]): Promise<void> {
  let worlds: World[] = [[]];
  const trace: string[] = [];
  try {
    for (const { commands, killAfter } of batches) {
      const results = await Promise.all(
        commands.map((each, index) =>
          killAfter !== undefined && index === 0 ? runAndKill(each, killAfter) : perform(each),
        ),
      );
      const dones = commands.map((each, index): Done => ({ command: each, result: results[index] }));
      trace.push(dones.map(written).join(" | "));
      const possible = explain(worlds, dones);
      if (possible.length === 0) throw new Error("no order of these commands gives these results");
      worlds = await observed(possible, killAfter !== undefined);
    }
  } catch (error) {
    const message = `${trace.join("\n")}\n${(error as Error).message}`;
    process.stderr.write(`model: to be made shorter:\n${message}\n`);
    throw new Error(message, { cause: error });
  } finally {
    await removeAll(engine);
  }
  await until(() => left().length === 0).catch(() => {
    throw new Error(`${trace.join("\n")}\nleft after rm -f of all: ${left().join(", ")}`);
  });
}

const written = ({ command: { verb, name, to, program }, result }: Done): string =>
  `${[verb, name, to, program].filter(Boolean).join(" ")} -> ${result ?? "killed"}`;

/** Of the possible worlds those that show what is seen; after a kill, as soon as the dust has settled. */
async function observed(possible: readonly World[], wasKilled: boolean): Promise<World[]> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const containers = await engine.list();
    const seen = containers
      .map((each) => `${each.record.name}: ${stateOf(each)}`)
      .sort()
      .join("\n");
    // What ends by itself may have done so meanwhile.
    const explained = explain(possible, []);
    const worlds = explained.filter((world) => shown(world) === seen);
    if (worlds.length > 0 && !(wasKilled && containers.some(isBusy)))
      return wasKilled ? explained.filter((world) => isOnItsWay(shown(world), seen)) : worlds;
    if (!wasKilled || performance.now() > deadline) {
      const allowed = [...new Set(possible.map(shown))].map((text) => `{ ${text.replaceAll("\n", ", ")} }`);
      throw new Error(`seen: { ${seen.replaceAll("\n", ", ")} }, possible: ${allowed.join(" or ")}`);
    }
    await sleep(20);
  }
}

/** Who was killed may have sent SIGKILL, and what it ends be seen at its end. */
function isOnItsWay(expected: string, seen: string): boolean {
  const [expectedLines, seenLines] = [expected.split("\n"), seen.split("\n")];
  if (expectedLines.length !== seenLines.length) return false;
  return expectedLines.every((line, at) => {
    const [, name] = /^(.*): exited 137$/.exec(line) ?? [];
    return line === seenLines[at] || (name !== undefined && seenLines[at] === `${name}: running`);
  });
}

function stateOf({ state: { status, exitCode, paused } }: ContainerSummary): string {
  if (status === "running" && paused) return "paused";
  return status === "exited" ? `exited ${exitCode}` : status;
}

/** Whether somebody is still at work on a container that does not run. */
const isBusy = ({ record, state }: ContainerSummary): boolean =>
  state.status !== "running" && isOwned(paths, record.id);

async function perform(wanted: Command): Promise<string> {
  try {
    return await carryOut(wanted);
  } catch (error) {
    // Anything else is nothing that the model knows.
    return error instanceof TsrunError ? error.code : String(error instanceof Error ? error.stack : error);
  }
}

async function carryOut({ verb, name, to = "", program = "sleep" }: Command): Promise<string> {
  switch (verb) {
    case "create":
      await engine.create({ image: IMAGE, network: "none", name, command: PROGRAMS[program] });
      return "ok";
    case "start":
      (await engine.start(name)).detach();
      return "ok";
    case "stop":
      await engine.stop(name, { timeout: 0 });
      return "ok";
    case "kill":
      await engine.kill(name);
      return "ok";
    case "signal":
      await engine.kill(name, "SIGUSR1");
      return "ok";
    case "pause":
      await engine.pause(name);
      return "ok";
    case "unpause":
      await engine.unpause(name);
      return "ok";
    case "restart":
      await engine.restart(name, { timeout: 0 });
      return "ok";
    case "rename":
      await engine.rename(name, to);
      return "ok";
    case "rm":
      await engine.remove(name);
      return "ok";
    case "rm -f":
      await engine.remove(name, { force: true });
      return "ok";
    case "exec": {
      const { exitCode } = await (await engine.exec(name, { command: ["true"] })).exited;
      return `exit ${exitCode}`;
    }
    case "wait":
      return waitAWhile(name);
    case "inspect":
      return stateOf(await engine.inspect(name));
    case "kill monitor":
      return killMonitor(name);
  }
}

async function waitAWhile(name: string): Promise<string> {
  const signal = AbortSignal.timeout(WAIT_MS);
  try {
    return `exit ${await engine.wait(name, { signal })}`;
  } catch (error) {
    if (signal.aborted) return "aborted";
    throw error;
  }
}

async function killMonitor(name: string): Promise<string> {
  const found = await engine.inspect(name).catch(() => undefined);
  if (found?.state.status !== "running") return "ok";
  try {
    process.kill(found.state.monitorPid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  // Both take a moment to be gone: the kernel kills the child when the monitor ends.
  const { monitorPid, paused } = found.state;
  await until(() => processStartTicks(monitorPid) === undefined && (paused || !isRunning(found.state)));
  return "ok";
}

/** The command as a process of its own, killed in the middle, or a little later. */
async function runAndKill(wanted: Command, delay: number): Promise<undefined> {
  const child = spawn(TSRUN, commandLine(wanted), {
    env: { PATH: process.env.PATH, TSRUN_ROOT: paths.root, TSRUN_RUN: paths.run },
    stdio: "ignore",
  });
  const exited = once(child, "exit");
  await Promise.race([sleep(delay), exited]);
  child.kill("SIGKILL");
  await exited;
}

function commandLine({ verb, name, to = "", program = "sleep" }: Command): string[] {
  if (verb === "create") return ["create", "--network", "none", "--name", name, IMAGE, ...PROGRAMS[program]];
  if (verb === "rename") return ["rename", name, to];
  if (verb === "stop" || verb === "restart") return [verb, "-t", "0", name];
  return [...verb.split(" "), name];
}

/** What containers that are all removed have left. */
function left(): string[] {
  return [join(paths.root, "containers"), join(paths.root, "names"), join(paths.run, "containers")].flatMap(
    (folder) => {
      try {
        return readdirSync(folder).map((entry) => join(folder, entry));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        throw error;
      }
    },
  );
}
