/** The monitor's look at a Plan before it runs a step: it knows of every argument what the encoder writes there. */
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodePlan } from "../../../src/runtime/plan/encode.ts";
import { OPCODES } from "../../../src/runtime/plan/opcodes.ts";
import type { Plan, Step, StepAction, StepOp } from "../../../src/runtime/plan/plan.ts";
import { EVERY_STEP } from "../runtime/plan/every-step.ts";
import { planOf, typicalConfig } from "../runtime/plan/typical.ts";
import { openWorkshop, type Workshop } from "./compile.ts";

/** Answers each length and Plan on stdin with a line: "ok", or the step that is wrong. */
const MAIN = `
#include <stdio.h>
#include <stdlib.h>
#include "plan-check.h"

int main(void)
{
	uint32_t size, step;

	while (fread(&size, sizeof(size), 1, stdin) == 1) {
		char *plan = malloc(size);
		if (fread(plan, 1, size, stdin) != size)
			return 1;
		if (plan_check(plan, size, &step) == 0)
			puts("ok");
		else
			printf("%u\\n", step);
		free(plan);
	}
	return 0;
}
`;

let workshop: Workshop;
let program: string;
beforeAll(() => {
  workshop = openWorkshop();
  program = workshop.compile("plan-check", { sources: ["monitor/plan-check.c"], main: MAIN });
}, 60_000);
afterAll(() => workshop[Symbol.dispose]());

function verdicts(plans: readonly Buffer[]): string[] {
  const input = plans.flatMap((plan) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(plan.length);
    return [length, plan];
  });
  const { stdout, stderr } = spawnSync(program, { input: Buffer.concat(input), encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.trim().split("\n");
}
const verdict = (plan: Buffer): string | undefined => verdicts([plan])[0];

const HEADER = 16;
const STEP = 72;
const ARGS = 8;
const SLOTS = 256;
const NO_SLOT = 2n ** 64n - 1n;
const AT = 2;

const step = (action: StepAction): Step => ({ ...action, why: "." });
const END = step(EVERY_STEP.execve);
const ALL_FDS = ["cgroup", "netns", "gate", "other", "userns:/dst"];

/** A Plan with this step as number AT, as it may stand there. */
function planWith(action: StepAction, { fds = ALL_FDS, name = "x" } = {}): Plan {
  const mask = step({ op: "mask", path: `/${name}` });
  const clone = step({ op: "clone", flags: [] });
  const before = action.op === "clone" || action.op === "fork" ? mask : clone;
  const after = action.op === "fork" ? clone : step(EVERY_STEP.openTree);
  return { fds, steps: [before, mask, step(action), after, END] };
}

const argument = (index: number, at = AT): number => HEADER + at * STEP + 8 + index * 8;
const argumentsIn = (plan: Buffer): bigint[] =>
  Array.from({ length: ARGS }, (_, index) => plan.readBigUInt64LE(argument(index)));

function withArgument(plan: Buffer, at: number, value: bigint): Buffer {
  const changed = Buffer.from(plan);
  changed.writeBigUInt64LE(value, at);
  return changed;
}

/** What the encoder takes an argument for: offsets move with the data before them, slots with the descriptors. */
function kindsOf(action: StepAction): ("offset" | "slot" | "number")[] {
  const words = argumentsIn(encodePlan(planWith(action)));
  const otherData = argumentsIn(encodePlan(planWith(action, { name: "x".repeat(64) })));
  const otherSlots = argumentsIn(encodePlan(planWith(action, { fds: ["one more", ...ALL_FDS] })));
  return words.map((word, index) => {
    if (word !== otherData[index]) return "offset";
    return word !== otherSlots[index] || word === 254n ? "slot" : "number"; // 254: dup2's stdout
  });
}

const ops = Object.keys(OPCODES) as StepOp[];
const steps = ops.filter((op) => op !== "execve");

describe("every argument of", () => {
  test.each(steps)("%s is known for what it is", (op) => {
    const plan = encodePlan(planWith(EVERY_STEP[op]));
    expect(verdict(plan)).toBe("ok");
    const size = BigInt(plan.length);
    kindsOf(EVERY_STEP[op]).forEach((kind, index) => {
      const become = (...values: bigint[]): string[] =>
        verdicts(values.map((value) => withArgument(plan, argument(index), value)));
      if (kind === "offset") {
        expect(become(size, 1n, NO_SLOT, 2n ** 40n)).toEqual(["2", "2", "2", "2"]);
      } else if (kind === "slot") {
        expect(become(BigInt(SLOTS - 1), BigInt(SLOTS), 2n ** 32n)).toEqual(["ok", "2", "2"]);
      }
    });
  });

  test("numbers may be anything, but for those that count", () => {
    const tries = steps.flatMap((op) => {
      const plan = encodePlan(planWith(EVERY_STEP[op]));
      return kindsOf(EVERY_STEP[op]).flatMap((kind, index) =>
        kind === "number"
          ? [{ is: `${op} ${index}`, plan: withArgument(plan, argument(index), NO_SLOT) }]
          : [],
      );
    });
    const answers = verdicts(tries.map(({ plan }) => plan));
    const wrong = tries.flatMap(({ is }, index) => (answers[index] === "ok" ? [] : [is]));
    expect(wrong.sort()).toEqual(["cpuAffinity 1", "memoryPolicy 2", "seccomp 1", "setgroups 1"]);
  });

  test("execve: three tables in their order, each ended, and of strings", () => {
    const plan = encodePlan(planWith(EVERY_STEP.execve));
    const [candidates = 0n, argv = 0n, envp = 0n] = argumentsIn(plan);
    expect(verdict(plan)).toBe("ok");
    const size = BigInt(plan.length);
    const changed = [
      withArgument(plan, argument(0), candidates + 4n), // not aligned
      withArgument(plan, argument(0), argv), // one table twice
      withArgument(plan, argument(0), envp),
      withArgument(plan, argument(1), size - 4n),
      withArgument(plan, Number(candidates), size),
      withArgument(plan, Number(candidates), 8n), // in the header
    ];
    expect(verdicts(changed)).toEqual(["2", "2", "2", "2", "2", "2"]);
    // The last table runs into the end.
    expect(verdict(withArgument(plan, plan.length - 8, BigInt(HEADER + 5 * STEP)))).not.toBe("ok");
  });
});

test("what may be missing is let pass, and nothing else", () => {
  const tries = steps.flatMap((op) => {
    const plan = encodePlan(planWith(EVERY_STEP[op]));
    return kindsOf(EVERY_STEP[op]).flatMap((kind, index) =>
      kind === "number"
        ? []
        : [{ op, index, plan: withArgument(plan, argument(index), kind === "slot" ? NO_SLOT : 0n) }],
    );
  });
  const answers = verdicts(tries.map(({ plan }) => plan));
  const optional: Partial<Record<StepOp, number[]>> = {};
  tries.forEach(({ op, index }, at) => {
    if (answers[at] === "ok") optional[op] = [...(optional[op] ?? []), index];
  });
  // Both maps or none, both writable directories of an overlay or none.
  expect(optional).toEqual({
    clone: [1],
    wait: [0],
    mount: [0, 2, 4],
    openTree: [3, 4],
    timeNamespace: [0],
    mountTmpfs: [0, 3],
    sessionKeyring: [0],
    memoryPolicy: [1],
  });
  for (const action of [
    { ...EVERY_STEP.mountOverlay, upper: null, work: null },
    { op: "clone", flags: [] },
  ] satisfies StepAction[]) {
    expect(verdict(encodePlan(planWith(action)))).toBe("ok");
  }
});

describe("the whole", () => {
  const plan = encodePlan(planOf(typicalConfig()));
  const changed = (at: number, value: number): Buffer => {
    const other = Buffer.from(plan);
    other.writeUInt32LE(value, at);
    return other;
  };

  test("of an ordinary container is let pass", () => {
    expect(verdict(plan)).toBe("ok");
  });

  test.each([
    ["another magic number", changed(0, 1)],
    ["another version", changed(4, 2)],
    ["no steps", changed(8, 0)],
    ["more steps than it has room for", changed(8, Math.ceil(plan.length / STEP))],
    ["2³² - 1 steps", changed(8, 0xffff_ffff)],
    ["another size", changed(12, plan.length + 1)],
    ["less than a header", plan.subarray(0, 15)],
  ])("with %s is not", (_, bytes) => {
    expect(verdict(bytes)).toBe("0");
  });

  test("with a step that nobody knows is not", () => {
    expect(verdict(changed(HEADER + STEP, 0))).toBe("1");
    expect(verdict(changed(HEADER + STEP, Math.max(...Object.values(OPCODES)) + 1))).toBe("1");
  });

  test("cut anywhere is not", () => {
    // With its NUL the last string ends; what fills up its place belongs to nothing.
    const end = plan.findLastIndex((byte) => byte !== 0) + 2;
    const cuts = Array.from({ length: end }, (_, length) => {
      const cut = Buffer.from(plan.subarray(0, length));
      if (length >= HEADER) cut.writeUInt32LE(length, 12);
      return cut;
    });
    expect(new Set(verdicts(cuts))).not.toContain("ok");
  }, 60_000);

  test.each([
    ["without a process", [END], "0"],
    ["that clones twice", [step({ op: "clone", flags: [] }), step({ op: "clone", flags: [] }), END], "1"],
    ["that ends in no program", [step({ op: "clone", flags: [] }), step({ op: "setsid" })], "1"],
    ["with a table before clone", [step(EVERY_STEP.findProgram), step({ op: "clone", flags: [] }), END], "0"],
  ] satisfies [string, Step[], string][])("%s is not", (_, planSteps, at) => {
    expect(verdict(encodePlan({ fds: [], steps: planSteps }))).toBe(at);
  });
});

test("forks once, before it clones, and may then have tables: what is before a fork may be executed again", () => {
  const fork = step(EVERY_STEP.fork);
  const clone = step({ op: "clone", flags: [] });
  const overlay = step(EVERY_STEP.mountOverlay);
  const verdictOf = (...steps: Step[]) => verdict(encodePlan({ fds: ALL_FDS, steps: [...steps, END] }));
  expect(verdictOf(fork, overlay, clone)).toBe("ok");
  expect(verdictOf(overlay, fork, clone)).toBe("0");
  expect(verdictOf(fork, fork, clone)).toBe("1");
  expect(verdictOf(clone, fork)).toBe("1");
});
