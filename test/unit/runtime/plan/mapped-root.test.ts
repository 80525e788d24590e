/** The Plan of a container that has a user namespace of its own. */
import { describe, expect, test } from "vitest";
import { containerPlan } from "../../../../src/runtime/plan/container-plan.ts";
import { execPlan } from "../../../../src/runtime/plan/exec-plan.ts";
import { onHost } from "../../../../src/runtime/plan/mapped-root.ts";
import type { Plan, Step } from "../../../../src/runtime/plan/plan.ts";
import { typicalConfig, typicalProcess } from "./typical.ts";

const ids = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
const base = typicalConfig();
const config = {
  ...base,
  process: { ...base.process, oomScoreAdj: -5 },
  linux: {
    ...base.linux,
    namespaces: [...base.linux.namespaces, { type: "user" as const }],
    uidMappings: ids,
    gidMappings: ids,
  },
};
const cgroup = { cloneInto: true, procsFiles: [], view: { version: 2 as const } };
const overlay = {
  layersDir: "/data/layers",
  lower: ["bbb", "aaa"],
  upper: "../c/upper",
  work: "../c/work",
  merged: "../c/merged",
  volatile: false,
};
const plan = containerPlan({
  config,
  overlay,
  cgroup,
  networkNamespace: true,
  seccomp: undefined,
  isDirectory: () => true,
});

const places = (ofPlan: Plan, is: (step: Step) => boolean): number[] =>
  ofPlan.steps.flatMap((step, index) => (is(step) ? [index] : []));
const place = (is: (step: Step) => boolean): number => places(plan, is)[0] ?? Number.NaN;
const joins = place((step) => step.op === "setns" && step.fd === "userns");
const clone = place((step) => step.op === "clone");

describe("a container's Plan", () => {
  test("joins its user namespace last of all before the clone, in a process of its own", () => {
    expect(plan.fds).toEqual(["cgroup", "netns", "userns"]);
    expect(plan.steps[0]?.op).toBe("fork");
    expect(clone).toBe(joins + 1);
    expect(plan.steps[clone]).toMatchObject({ flags: expect.not.arrayContaining(["CLONE_NEWUSER"]) });
    expect(place((step) => step.op === "setns" && step.fd === "netns")).toBeLessThan(joins);
  });

  test("does as the host's root what only that may", () => {
    const privileged = places(
      plan,
      (step) =>
        step.op === "setrlimit" ||
        step.op === "idmap" ||
        (step.op === "writeFile" && step.path.endsWith("oom_score_adj")) ||
        (step.op === "mount" && step.fstype === "overlay") ||
        (step.op === "openTree" && step.slot.startsWith("bind:")),
    );
    expect(privileged.length).toBeGreaterThan(4);
    expect(privileged.filter((index) => index > joins)).toEqual(
      // The kernel's own filesystems belong to the container's namespaces.
      places(
        plan,
        (step) => step.op === "openTree" && step.path === config.root.path && step.slot !== "root",
      ),
    );
  });

  test("maps the directories that the overlay is of, and mounts it as who is mapped", () => {
    const mapped = places(plan, (step) => step.op === "idmap" && step.userns === "userns");
    const mounted = place((step) => step.op === "mount" && step.fstype === "overlay");
    expect(mapped).toHaveLength(2);
    expect(Math.max(...mapped)).toBeLessThan(mounted);
    const acting = places(plan, (step) => step.op === "setFsIds");
    expect(acting.map((index) => plan.steps[index])).toMatchObject([
      { uid: 100_000, gid: 100_000 },
      { uid: 0, gid: 0 },
    ]);
    expect(acting[0]).toBeLessThan(mounted);
    expect(acting[1]).toBeGreaterThan(mounted);
  });

  test("maps what else layers are below, as long as nobody but the host's root has to look them up", () => {
    const others = ["/data/tmp"];
    const { steps } = containerPlan({
      config,
      overlay: { ...overlay, others },
      cgroup,
      networkNamespace: true,
      seccomp: undefined,
      isDirectory: () => true,
    });
    const slots = steps.flatMap((step) => (step.op === "idmap" ? step.slot : []));
    expect(slots.slice(0, 2)).toEqual(["/data/layers", "/data/tmp"]);
    expect(steps.findIndex((step) => step.op === "setFsIds")).toBeGreaterThan(
      steps.findIndex((step) => step.op === "moveMount" && step.target === "/data/tmp"),
    );
  });

  test("gives the pipes away while it can, to the user as the host knows it", () => {
    const streams = places(plan, (step) => step.op === "chownStream");
    expect(streams).toHaveLength(config.process.terminal ? 0 : 3);
    for (const index of streams) {
      expect(index).toBeLessThan(joins);
      expect(plan.steps[index]).toMatchObject({ uid: 100_000 + config.process.user.uid });
    }
  });
});

test("exec joins the user namespace with all others, and is its root before it makes anything", () => {
  const process = typicalProcess();
  const exec = execPlan({ process, cgroup, seccomp: undefined, hostUid: 100_000 });
  const [joined] = places(exec, (step) => step.op === "setns" && step.flags.includes("CLONE_NEWUSER"));
  expect(exec.steps.slice((joined ?? 0) + 1, (joined ?? 0) + 3)).toMatchObject([
    { op: "setresgid", gid: 0 },
    { op: "setresuid", uid: 0 },
  ]);
  const plain = execPlan({ process, cgroup, seccomp: undefined });
  expect(places(plain, (step) => step.op === "setns" && step.flags.includes("CLONE_NEWUSER"))).toEqual([]);
});

test("an id on the host", () => {
  const two = [...ids, { containerID: 65_536, hostID: 7, size: 2 }];
  expect([0, 65_535, 65_536, 65_537].map((id) => onHost(two, id))).toEqual([100_000, 165_535, 7, 8]);
  expect(() => onHost(two, 65_538)).toThrow(RangeError);
});
