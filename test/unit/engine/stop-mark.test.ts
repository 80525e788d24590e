import { mkdirSync, rmSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { forgetStop, markStopped, stoppedBy } from "../../../src/engine/stop-mark.ts";
import type { ContainerRecord } from "../../../src/engine/types.ts";
import { containerDir } from "../../../src/store/paths.ts";
import { addContainer, openWorld, type World } from "./container-fixture.ts";

let world: World;
let record: ContainerRecord;
beforeEach(() => {
  world = openWorld();
  record = addContainer(world, "abc");
});
afterEach(() => world[Symbol.dispose]());

const paths = () => world.context.paths;

test("tells who has stopped a container, until it is forgotten", () => {
  expect(stoppedBy(paths(), record.id)).toBeUndefined();
  for (const by of ["restart", "host", "user"] as const) {
    markStopped(paths(), record, by);
    expect(stoppedBy(paths(), record.id)).toBe(by);
  }
  forgetStop(paths(), record);
  expect(stoppedBy(paths(), record.id)).toBeUndefined();
  forgetStop(paths(), record);
});

test("a user's word stands when the host goes down", () => {
  markStopped(paths(), record, "user");
  markStopped(paths(), record, "host");
  expect(stoppedBy(paths(), record.id)).toBe("user");
});

test("a temporary container is marked only to be started again", () => {
  const temporary = { ...record, options: { ...record.options, autoRemove: true } };
  markStopped(paths(), temporary, "user");
  expect(stoppedBy(paths(), record.id)).toBeUndefined();
  markStopped(paths(), temporary, "restart");
  expect(stoppedBy(paths(), record.id)).toBe("restart");
});

test("a container that is removed meanwhile is no error, and does not come back", () => {
  rmSync(containerDir(paths(), record.id), { recursive: true });
  markStopped(paths(), record, "user");
  expect(stoppedBy(paths(), record.id)).toBeUndefined();
  mkdirSync(containerDir(paths(), record.id));
});
