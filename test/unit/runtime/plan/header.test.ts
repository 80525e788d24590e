/** The encoder and native/include/plan.h say the same. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { encodePlan } from "../../../../src/runtime/plan/encode.ts";
import { OPCODES } from "../../../../src/runtime/plan/opcodes.ts";
import type { StepOp } from "../../../../src/runtime/plan/plan.ts";
import { assignSlots } from "../../../../src/runtime/plan/slots.ts";
import { EVERY_STEP } from "./every-step.ts";

const header = readFileSync(
  fileURLToPath(new URL("../../../../native/include/plan.h", import.meta.url)),
  "utf8",
);

/** "OP_SET_CONTROLLING_TERMINAL = 26, /* argument, argument *\/" by the name that Plans use. */
const operations = new Map(
  [...header.matchAll(/^\tOP_(\w+) = (\d+), +\/\* (.*?) ?\*\/$/gm)].map(
    ([, name = "", code = "", args = ""]) => [
      name.replaceAll("_", "").toLowerCase(),
      { code: Number(code), args: args === "" ? [] : args.split(", ") },
    ],
  ),
);
const operationOf = (op: string) => operations.get(op.toLowerCase());
const ops = Object.keys(OPCODES) as StepOp[];

function constant(name: string): number {
  const value = new RegExp(`^#define ${name} (0x[0-9a-f]+|\\d+)u?\\b`, "m").exec(header)?.[1];
  if (value === undefined) throw new Error(`plan.h does not define ${name}`);
  return Number(value);
}

describe("operation codes", () => {
  test("every operation of the header is one of the encoder's, and the other way round", () => {
    expect([...operations.keys()].sort()).toEqual(ops.map((op) => op.toLowerCase()).sort());
    expect(header.match(/^\tOP_/gm)?.length).toBe(operations.size);
  });

  test.each(ops)("%s", (op) => {
    expect(OPCODES[op]).toBe(operationOf(op)?.code);
  });

  test("no two share a code", () => {
    expect(new Set(Object.values(OPCODES)).size).toBe(ops.length);
  });
});

/** How many words a step fills in; no sample's last argument is 0, nor is any slot's number. */
function argumentsWritten(op: StepOp): number {
  const step = EVERY_STEP[op];
  const opener = { ...EVERY_STEP.openTree, why: "" };
  const plan = encodePlan({
    fds: ["first", "other", "cgroup", "netns", "userns:/dst", "gate"],
    steps: [{ ...step, why: "" }, opener],
  });
  const words = Array.from({ length: constant("PLAN_ARGS") }, (_, index) =>
    plan.readBigUInt64LE(16 + 8 + index * 8),
  );
  return words.findLastIndex((word) => word !== 0n) + 1;
}

describe("arguments", () => {
  test.each(ops)("%s has as many as the header says", (op) => {
    expect(argumentsWritten(op)).toBe(operationOf(op)?.args.length);
  });
});

test("magic number, version and the monitor's own slots", () => {
  const plan = encodePlan({ fds: [], steps: [] });
  expect(plan.readUInt32LE(0)).toBe(constant("PLAN_MAGIC"));
  expect(plan.subarray(0, 4).toString("latin1")).toBe("PLAN");
  expect(plan.readUInt32LE(4)).toBe(constant("PLAN_VERSION"));
  const slots = assignSlots({ fds: [], steps: [] });
  expect(slots.get("stdin")).toBe(constant("SLOT_STDIN"));
  expect(slots.get("stdout")).toBe(constant("SLOT_STDOUT"));
  expect(slots.get("stderr")).toBe(constant("SLOT_STDERR"));
  expect(constant("SLOT_STDERR")).toBeLessThan(constant("PLAN_SLOTS"));
});
