import { describe, expect, test } from "vitest";
import { planFailure } from "../../../src/engine/plan-failure.ts";
import { NO_STEP } from "../../../src/runtime/frames.ts";
import type { OciProcess } from "../../../src/runtime/oci.ts";
import type { Plan } from "../../../src/runtime/plan/plan.ts";

const process_: OciProcess = {
  cwd: "/srv",
  env: ["PATH=/nowhere/bin"],
  args: ["tool"],
  user: { uid: 1000, gid: 1000 },
};
const plan: Plan = {
  fds: [],
  steps: [
    { op: "clone", flags: ["CLONE_NEWNS"], why: "New namespaces." },
    { op: "mount", source: "proc", target: "/proc", fstype: "proc", flags: [], data: null, why: "A /proc." },
    { op: "chdir", path: "/", why: "The new root." },
    { op: "chdir", path: "/srv", why: "The working directory." },
    { op: "execve", candidates: ["/nowhere/bin/tool"], argv: ["tool"], envp: [], why: "The program." },
  ],
};
const failure = (step: number, errno: number, pid = process.pid) =>
  planFailure(plan, process_, { step, errno, pid });

test("a step is named in words, with its number, its error, and why it is there", async () => {
  expect(await failure(1, 1)).toMatchObject({
    code: "ERR_TSRUN_STEP_FAILED",
    message: "mounting proc on /proc: EPERM (step 2 of 5)",
    hint: "A /proc.",
    exitCode: 125,
  });
});

test("a step before there is a child", async () => {
  expect(await failure(0, 28, 0)).toMatchObject({
    code: "ERR_TSRUN_STEP_FAILED",
    message: "cloning into new namespaces (CLONE_NEWNS): ENOSPC (step 1 of 5)",
  });
});

describe("the working directory", () => {
  test("that cannot be entered is the user's, and the command cannot be executed", async () => {
    const error = await failure(3, 13);
    expect(error).toMatchObject({
      code: "ERR_TSRUN_WORKDIR_UNUSABLE",
      message: "changing to the directory /srv: EACCES (step 4 of 5)",
      exitCode: 126,
    });
    expect(error.hint).toContain("user 1000");
  });

  test("is not every directory", async () => {
    expect((await failure(2, 13)).code).toBe("ERR_TSRUN_STEP_FAILED");
  });
});

test("an execve that failed is looked into with the eyes of the child", async () => {
  expect(await failure(4, 2)).toMatchObject({ code: "ERR_TSRUN_COMMAND_NOT_FOUND", exitCode: 127 });
});

test("a plan that the monitor could make nothing of", async () => {
  expect(await failure(99, 22, 0)).toMatchObject({
    code: "ERR_TSRUN_PLAN_REJECTED",
    message: expect.stringContaining("EINVAL"),
  });
});

test("a process that ran but could not be written down", async () => {
  expect(await failure(NO_STEP, 28, 0)).toMatchObject({
    code: "ERR_TSRUN_START_UNRECORDED",
    message: expect.stringContaining("ENOSPC"),
  });
});
