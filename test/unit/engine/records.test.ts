import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { containerIds, readRecord, resolveContainer } from "../../../src/engine/records.ts";
import { claimName } from "../../../src/store/names.ts";
import { containerDir } from "../../../src/store/paths.ts";
import { addContainer, idOf, openWorld, type World } from "./container-fixture.ts";

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world[Symbol.dispose]());
const resolve = (reference: string): string => resolveContainer(world.context.paths, reference).id;
const refusal = (code: string) => expect.objectContaining({ code });

test("a record is read as it was written, by nobody but its owner", () => {
  const record = addContainer(world, "abc", { labels: { a: "ä" } });
  expect(readRecord(world.context.paths, record.id)).toEqual(record);
  const file = join(containerDir(world.context.paths, record.id), "config.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("where nothing was ever made there are no containers", () => {
  expect(containerIds(world.context.paths)).toEqual([]);
  expect(() => resolve("abc")).toThrow(refusal("ERR_TSRUN_CONTAINER_NOT_FOUND"));
});

describe("a container is meant by", () => {
  beforeEach(() => {
    addContainer(world, "abc1", { name: "web" });
    addContainer(world, "abc2", { name: "abc1" });
    addContainer(world, "def0", { name: "db" });
  });

  test.each([
    ["its name", "web", "abc1"],
    ["its name as inspect prints it", "/web", "abc1"],
    ["its id", idOf("def0"), "def0"],
    ["the beginning of its id", "d", "def0"],
    ["a name before an id", "abc1", "abc2"],
  ])("%s", (_how, reference, digits) => {
    expect(resolve(reference)).toBe(idOf(digits));
  });

  test.each(["abc", "a"])("no beginning that several share: %s", (reference) => {
    expect(() => resolve(reference)).toThrow(refusal("ERR_TSRUN_CONTAINER_AMBIGUOUS"));
  });

  test.each(["", "/", "none", "we", "../containers", "abc1/../def0", "D", ".", "abc9"])(
    "not by %j",
    (reference) => {
      expect(() => resolve(reference)).toThrow(refusal("ERR_TSRUN_CONTAINER_NOT_FOUND"));
    },
  );
});

test("a directory without a record is no container, and its name is not taken for one", () => {
  mkdirSync(containerDir(world.context.paths, idOf("fff")), { recursive: true });
  claimName(world.context.paths, "half", idOf("fff"));
  expect(() => resolve("fff")).toThrow(refusal("ERR_TSRUN_CONTAINER_NOT_FOUND"));
  expect(() => resolve("half")).toThrow(refusal("ERR_TSRUN_CONTAINER_NOT_FOUND"));
  addContainer(world, "fff1");
  expect(resolve("fff")).toBe(idOf("fff1"));
});

test("a damaged record is named, not passed over", () => {
  const record = addContainer(world, "abc");
  writeFileSync(join(containerDir(world.context.paths, record.id), "config.json"), "{");
  expect(() => resolve("abc")).toThrow(refusal("ERR_TSRUN_DOCUMENT_CORRUPT"));
});
