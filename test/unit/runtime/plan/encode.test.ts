import { describe, expect, test } from "vitest";
import type { TsrunError } from "../../../../src/errors.ts";
import { encodePlan } from "../../../../src/runtime/plan/encode.ts";
import type { Plan, Step, StepAction } from "../../../../src/runtime/plan/plan.ts";
import { EVERY_STEP } from "./every-step.ts";
import { planOf, typicalConfig } from "./typical.ts";

const HEADER = 16;
const STEP = 72;

const step = (action: StepAction, tolerate?: Step["tolerate"]): Step => ({
  ...action,
  why: "because",
  ...(tolerate && { tolerate }),
});
const encode = (steps: Step[], fds: string[] = []) => encodePlan({ fds, steps });
const argument = (plan: Buffer, index: number, which: number) =>
  plan.readBigUInt64LE(HEADER + index * STEP + 8 + which * 8);
const textAt = (plan: Buffer, offset: bigint) =>
  plan.subarray(Number(offset), plan.indexOf(0, Number(offset))).toString("utf8");
const tableAt = (plan: Buffer, offset: bigint): string[] => {
  const entry = plan.readBigUInt64LE(Number(offset));
  return entry === 0n ? [] : [textAt(plan, entry), ...tableAt(plan, offset + 8n)];
};

test("the layout, byte for byte", () => {
  const plan = encode([
    step({ op: "chdir", path: "/a" }, ["ENOENT", "EEXIST"]),
    step({ op: "setresuid", uid: 7 }),
  ]);
  const u32 = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer);
  const u64 = (...values: bigint[]) => Buffer.from(BigUint64Array.from(values).buffer);
  const zeros = (count: number) => Array.from({ length: count }, () => 0n);
  expect(plan).toEqual(
    Buffer.concat([
      u32(0x4e414c50, 1, 2, 168),
      u32(13, (17 << 16) | 2), // ENOENT 2, EEXIST 17
      u64(160n, ...zeros(7)),
      u32(37, 0),
      u64(7n, ...zeros(7)),
      Buffer.from("/a\0\0\0\0\0\0"),
    ]),
  );
});

test("a string is kept once, and every part is aligned to 8 bytes", () => {
  const plan = encode([
    step({ op: "mkdir", path: "/same/path", mode: 0o755 }),
    step({ op: "chdir", path: "/same/path" }),
    step({ op: "execve", candidates: ["/same/path"], argv: ["x"], envp: [] }),
  ]);
  expect(argument(plan, 1, 0)).toBe(argument(plan, 0, 0));
  const candidates = argument(plan, 2, 0);
  expect(plan.readBigUInt64LE(Number(candidates))).toBe(argument(plan, 0, 0));
  expect(plan.toString("latin1").split("/same/path").length).toBe(2);
  for (const offset of [argument(plan, 0, 0), candidates, argument(plan, 2, 1), argument(plan, 2, 2)])
    expect(offset % 8n).toBe(0n);
  expect(plan.length % 8).toBe(0);
  expect(plan.readUInt32LE(12)).toBe(plan.length);
});

test("tables end with 0, and the empty table is nothing but that", () => {
  const plan = encode([
    step({
      op: "execve",
      candidates: ["/bin/a", "/usr/bin/a"],
      argv: ["a", "", "ä b"],
      envp: [],
    }),
  ]);
  expect(tableAt(plan, argument(plan, 0, 0))).toEqual(["/bin/a", "/usr/bin/a"]);
  expect(tableAt(plan, argument(plan, 0, 1))).toEqual(["a", "", "ä b"]);
  expect(argument(plan, 0, 2)).not.toBe(0n);
  expect(tableAt(plan, argument(plan, 0, 2))).toEqual([]);
});

test("two steps never share a table, which the interpreter turns into pointers once", () => {
  const same: StepAction = { op: "execve", candidates: ["/x"], argv: ["x"], envp: ["A=1"] };
  const plan = encode([step(same), step(same)]);
  for (const which of [0, 1, 2]) expect(argument(plan, 0, which)).not.toBe(argument(plan, 1, which));
});

describe("arguments", () => {
  test("null is offset 0, -1 the largest u64", () => {
    const plan = encode([
      step({
        op: "mount",
        source: "none",
        target: "/",
        fstype: null,
        flags: ["MS_REC", "MS_PRIVATE"],
        data: null,
      }),
      step({ op: "setrlimit", resource: "RLIMIT_CORE", soft: 0, hard: -1 }),
    ]);
    expect([2, 3, 4].map((which) => argument(plan, 0, which))).toEqual([0n, (1n << 18n) | (1n << 14n), 0n]);
    expect([0, 1, 2].map((which) => argument(plan, 1, which))).toEqual([4n, 0n, 2n ** 64n - 1n]);
  });

  test("a flag named twice is that flag, not the next one", () => {
    const plan = encode([
      step({
        op: "mount",
        source: "x",
        target: "/",
        fstype: "tmpfs",
        flags: ["MS_RDONLY", "MS_RDONLY"],
        data: null,
      }),
    ]);
    expect(argument(plan, 0, 3)).toBe(1n);
  });

  test("capabilities are the bits of their numbers, beyond 32 too", () => {
    const plan = encode([step(EVERY_STEP.capBoundingSet), step(EVERY_STEP.capset)]);
    expect(argument(plan, 0, 0)).toBe((1n << 40n) | 1n);
    expect([0, 1, 2].map((which) => argument(plan, 1, which))).toEqual([1n, 1n << 5n, 1n]);
  });

  test("groups are u32, filters are copied as they are and counted in instructions of 8 bytes", () => {
    const plan = encode([step(EVERY_STEP.setgroups), step(EVERY_STEP.seccomp)]);
    const groups = Number(argument(plan, 0, 0));
    expect(argument(plan, 0, 1)).toBe(2n);
    expect([plan.readUInt32LE(groups), plan.readUInt32LE(groups + 4)]).toEqual([10, 4_000_000_000]);
    const filter = Number(argument(plan, 1, 0));
    expect(argument(plan, 1, 1)).toBe(3n);
    expect(plan.subarray(filter, filter + 24)).toEqual(Buffer.alloc(24, 7));
  });

  test("a device's mode carries its type", () => {
    const plan = encode([step(EVERY_STEP.mknod)]);
    expect([1, 2, 3].map((which) => argument(plan, 0, which))).toEqual([0o020666n, 1n, 3n]);
  });

  test("where no cgroup is cloned into, the slot is none", () => {
    const plan = encode([step({ op: "clone", flags: ["CLONE_NEWNET"] })]);
    expect([0, 1].map((which) => argument(plan, 0, which))).toEqual([0x40000000n, 2n ** 64n - 1n]);
  });
});

describe("slots", () => {
  test("the launcher's come first in their order, then those that steps fill; the streams have their own", () => {
    const plan = encode(
      [
        step({ op: "clone", flags: [], cgroup: "cgroup" }),
        step({ op: "setns", fd: "netns", flags: ["CLONE_NEWNET"] }),
        step({ op: "openTree", path: "/a", slot: "bind:/a", recursive: false }),
        step({ op: "openTree", path: "/b", slot: "bind:/b", recursive: true }),
        step({ op: "moveMount", slot: "bind:/b", target: "/b" }),
        step({ op: "moveMount", slot: "bind:/a", target: "/a" }),
        step({ op: "dup2", fd: "stderr", to: 2 }),
      ],
      ["cgroup", "netns"],
    );
    const places = [argument(plan, 0, 1), argument(plan, 1, 0), argument(plan, 2, 1), argument(plan, 3, 1)];
    expect(places).toEqual([0n, 1n, 2n, 3n]);
    expect([2, 3].map((index) => argument(plan, index, 2))).toEqual([0n, 1n]);
    expect([argument(plan, 4, 0), argument(plan, 5, 0), argument(plan, 6, 0)]).toEqual([3n, 2n, 255n]);
  });

  test("more than there are is an error for the user", () => {
    const trees = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        step({ op: "openTree", path: "/a", slot: `bind:${index}`, recursive: false }),
      );
    expect(() => encode(trees(253))).not.toThrow();
    const refused = (): Buffer => encode(trees(254));
    expect(refused).toThrow(
      expect.objectContaining({ code: "ERR_TSRUN_PLAN_TOO_MANY_SLOTS" } satisfies Partial<TsrunError>),
    );
  });

  test("one that nothing fills, an unknown flag and a NUL byte are the planner's mistakes", () => {
    expect(() => encode([step({ op: "moveMount", slot: "bind:/x", target: "/x" })])).toThrow(/bind:\/x/);
    expect(() => encode([step({ op: "umount", target: ".", flags: ["MNT_NOW"] })])).toThrow(/MNT_NOW/);
    expect(() => encode([step({ op: "chdir", path: "/a\0b" })])).toThrow(/NUL/);
  });
});

test("a typical container's Plan fits into a few pages", () => {
  const plan: Plan = planOf(typicalConfig());
  const bytes = encodePlan(plan);
  expect(bytes.readUInt32LE(8)).toBe(plan.steps.length);
  expect(bytes.length).toBeLessThan(16384);
});
