import { existsSync, readFileSync, statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tryOwnContainer } from "../../../src/engine/ownership.ts";
import { isRunning, readState, startFailedState, statePath, writeState } from "../../../src/engine/state.ts";
import type { ContainerRecord, ContainerState } from "../../../src/engine/types.ts";
import { containerRunDir } from "../../../src/store/paths.ts";
import {
  addContainer,
  EXITED,
  openWorld,
  putState,
  RUNNING,
  runningHere,
  runningNoMore,
  type World,
} from "./container-fixture.ts";

let world: World;
let record: ContainerRecord;
beforeEach(() => {
  world = openWorld();
  record = addContainer(world, "abc");
});
afterEach(() => world[Symbol.dispose]());

const read = (options?: { owner: boolean }): ContainerState =>
  readState(world.context.paths, record.id, options);

test("a container that was never started is created", () => {
  expect(read()).toMatchObject({ status: "created", pid: 0, exitCode: 0, startedAt: "" });
});

test("one that has ended is what was written down", () => {
  putState(world, record, EXITED);
  expect(read()).toEqual(EXITED);
});

describe("a document that says running", () => {
  test("is believed of a process that is the very one", () => {
    putState(world, record, runningHere());
    expect(read()).toEqual(runningHere());
  });

  test.each([
    ["that is gone", { ...RUNNING, pid: 4194305, startTicks: 5 }],
    ["whose number another has by now", runningNoMore()],
    ["that never was", RUNNING],
  ])("is not believed of a process %s", (_name, state) => {
    putState(world, record, state);
    const found = read();
    expect(found).toMatchObject({ status: "exited", exitCode: 137, pid: 0, startedAt: state.startedAt });
    expect(found.error).toContain("monitor");
    expect(Date.parse(found.finishedAt)).toBeGreaterThan(0);
  });

  test("stands as long as a monitor is there to write down the end, but not for the owner itself", () => {
    putState(world, record, runningNoMore());
    using owned = tryOwnContainer(world.context.paths, record.id);
    expect(owned).toBeDefined();
    expect(read().status).toBe("running");
    expect(read({ owner: true }).status).toBe("exited");
  });

  test("does not become true by being looked at: nothing is written, no lock is made", () => {
    putState(world, record, runningNoMore());
    const before = readFileSync(statePath(world.context.paths, record.id), "utf8");
    read();
    expect(readFileSync(statePath(world.context.paths, record.id), "utf8")).toBe(before);
    expect(existsSync(containerRunDir(world.context.paths, record.id))).toBe(false);
  });
});

describe("a document that says restarting", () => {
  const restarting: ContainerState = { ...EXITED, status: "restarting", restartCount: 2, restartDelay: 400 };

  test("is believed as long as somebody owns the container", () => {
    putState(world, record, restarting);
    using owned = tryOwnContainer(world.context.paths, record.id);
    expect(owned).toBeDefined();
    expect(read()).toEqual(restarting);
  });

  test("is an end with the exit code of the last run where nobody does", () => {
    putState(world, record, restarting);
    const found = read();
    const { exitCode, finishedAt, restartCount } = restarting;
    expect(found).toMatchObject({ status: "exited", exitCode, finishedAt, restartCount, pid: 0 });
    expect(found.error).toContain("start the container again");
    expect(read({ owner: true }).status).toBe("exited");
  });
});

test("isRunning needs the number and the start time", () => {
  const here = runningHere();
  expect(isRunning(here)).toBe(true);
  expect(isRunning({ ...here, startTicks: here.startTicks + 1 })).toBe(false);
  expect(isRunning({ ...here, pid: 0 })).toBe(false);
  expect(isRunning({ ...here, pid: 4194305, startTicks: 0 })).toBe(false);
});

test("a start that failed is written down with its reason, for root alone to read", () => {
  writeState(world.context.paths, record, startFailedState("no such program", 127));
  expect(read()).toMatchObject({ status: "created", error: "no such program", exitCode: 127 });
  expect(statSync(statePath(world.context.paths, record.id)).mode & 0o777).toBe(0o600);
});
