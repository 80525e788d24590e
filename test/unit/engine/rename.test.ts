/** A name and a record always agree in the end, wherever a rename was killed. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { changeRecord } from "../../../src/engine/change.ts";
import { sweep } from "../../../src/engine/cleanup.ts";
import { readRecord, resolveContainer, writeRecord } from "../../../src/engine/records.ts";
import { renameContainer } from "../../../src/engine/rename.ts";
import { claimName, resolveName } from "../../../src/store/names.ts";
import { addContainer, idOf, openWorld, type World } from "./container-fixture.ts";

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world[Symbol.dispose]());
const paths = () => world.context.paths;

test("the container answers to its new name and to it alone", async () => {
  const record = addContainer(world, "abc", { name: "old" });
  await renameContainer(world.context, "old", "/new");
  expect(resolveContainer(paths(), "new")).toEqual({ ...record, name: "new" });
  expect(resolveName(paths(), "old")).toBeUndefined();
});

test.each([
  ["x", "ERR_TSRUN_NAME_INVALID"],
  ["a/b", "ERR_TSRUN_NAME_INVALID"],
  ["taken", "ERR_TSRUN_NAME_CONFLICT"],
  ["old", "ERR_TSRUN_NAME_CONFLICT"],
])("%s is refused, and nothing changes", async (name, code) => {
  const record = addContainer(world, "abc", { name: "old" });
  addContainer(world, "def", { name: "taken" });
  await expect(renameContainer(world.context, "old", name)).rejects.toMatchObject({ code });
  expect(resolveContainer(paths(), "old")).toEqual(record);
  expect(resolveContainer(paths(), "taken").id).toBe(idOf("def"));
});

test("killed before the record was written: it keeps its name, and the other is free again", async () => {
  const record = addContainer(world, "abc", { name: "old" });
  claimName(paths(), "new", record.id);
  expect(resolveContainer(paths(), "old").id).toBe(record.id);
  await sweep(world.context);
  expect([resolveName(paths(), "old"), resolveName(paths(), "new")]).toEqual([record.id, undefined]);
});

test("killed after it was: it has the new name, and the old one is free for others", async () => {
  const record = addContainer(world, "abc", { name: "old" });
  const other = addContainer(world, "def", { name: "other" });
  claimName(paths(), "new", record.id);
  writeRecord(paths(), { ...record, name: "new" });
  await renameContainer(world.context, "other", "old");
  expect(resolveContainer(paths(), "old").id).toBe(other.id);
  expect(resolveContainer(paths(), "new").id).toBe(record.id);
});

test("a sweep leaves the names of a rename that is under way alone", async () => {
  const record = addContainer(world, "abc", { name: "old" });
  {
    using _change = await changeRecord(paths(), record.id);
    claimName(paths(), "new", record.id);
    await sweep(world.context);
    expect(resolveName(paths(), "new")).toBe(record.id);
  }
  await sweep(world.context);
  expect(resolveName(paths(), "new")).toBeUndefined();
});

test("of many that want one name, one gets it, and nobody else loses theirs", async () => {
  const names = Array.from({ length: 12 }, (_, index) => `name-${index}`);
  for (const [index, name] of names.entries()) addContainer(world, `a${index.toString(16)}`, { name });
  const results = await Promise.allSettled(
    names.map((name) => renameContainer(world.context, name, "wanted")),
  );
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  const winner = results.findIndex(({ status }) => status === "fulfilled");
  for (const [index, name] of names.entries()) {
    const id = idOf(`a${index.toString(16)}`);
    expect(readRecord(paths(), id)?.name).toBe(index === winner ? "wanted" : name);
    expect(resolveName(paths(), name)).toBe(index === winner ? undefined : id);
  }
  expect(resolveName(paths(), "wanted")).toBe(idOf(`a${winner.toString(16)}`));
});
