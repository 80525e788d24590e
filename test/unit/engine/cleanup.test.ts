/** What killed processes leave is found from what is on disk; what is anybody's is left alone. */
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { changeRecord } from "../../../src/engine/change.ts";
import { removeContainer, sweep } from "../../../src/engine/cleanup.ts";
import { tryOwnContainer } from "../../../src/engine/ownership.ts";
import { readRecord } from "../../../src/engine/records.ts";
import { readState, startFailedState, statePath } from "../../../src/engine/state.ts";
import type { ContainerRecord, ContainerState } from "../../../src/engine/types.ts";
import { BRIDGE } from "../../../src/network/predefined.ts";
import { readDocument } from "../../../src/store/documents.ts";
import { claimName, releaseName, resolveName } from "../../../src/store/names.ts";
import { containerDir, containerRunDir, namesDir, networkRunDir } from "../../../src/store/paths.ts";
import {
  addContainer,
  EXITED,
  idOf,
  openWorld,
  putState,
  runningHere,
  runningNoMore,
  type World,
} from "./container-fixture.ts";

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world[Symbol.dispose]());

const paths = () => world.context.paths;
const exists = ({ id }: ContainerRecord): boolean => existsSync(containerDir(paths(), id));
const hasRunDir = ({ id }: ContainerRecord): boolean => existsSync(containerRunDir(paths(), id));
const written = ({ id }: ContainerRecord) => readDocument<ContainerState>(statePath(paths(), id));
function addRunDir({ id }: ContainerRecord): void {
  mkdirSync(containerRunDir(paths(), id), { recursive: true });
  writeFileSync(join(containerRunDir(paths(), id), "attach.sock"), "");
}
function addLease({ id }: ContainerRecord): string {
  const leases = join(networkRunDir(paths(), BRIDGE.id), "leases");
  mkdirSync(leases, { recursive: true });
  symlinkSync(id, join(leases, "172.17.0.2"));
  return leases;
}

describe("removeContainer", () => {
  test("leaves nothing: files, name, address, runtime directory", async () => {
    const record = addContainer(world, "abc");
    const other = addContainer(world, "def");
    addRunDir(record);
    const leases = addLease(record);
    writeFileSync(join(containerDir(paths(), record.id), "upper", "file"), "x");
    await removeContainer(world.context, record);
    expect(exists(record) || hasRunDir(record)).toBe(false);
    expect(resolveName(paths(), record.name)).toBeUndefined();
    expect(readdirSync(leases)).toEqual([]);
    expect(exists(other)).toBe(true);
  });

  test("does not take a name that is another's by now", async () => {
    const record = addContainer(world, "abc", { name: "x" });
    releaseName(paths(), "x", record.id);
    claimName(paths(), "x", idOf("def"));
    await removeContainer(world.context, record);
    expect(resolveName(paths(), "x")).toBe(idOf("def"));
  });

  test("gives up the name that it has by now, whatever it was called when its removal was asked for", async () => {
    const record = addContainer(world, "abc", { name: "now" });
    claimName(paths(), "then", idOf("def"));
    await removeContainer(world.context, { ...record, name: "then" });
    expect(resolveName(paths(), "now")).toBeUndefined();
    expect(resolveName(paths(), "then")).toBe(idOf("def"));
  });

  test("waits for a rename or an update that is under way", async () => {
    const record = addContainer(world, "abc", { name: "x" });
    const change = await changeRecord(paths(), record.id);
    const removal = removeContainer(world.context, record);
    await sleep(30);
    expect(readRecord(paths(), record.id)).toEqual(record);
    change[Symbol.dispose]();
    await removal;
    expect(exists(record)).toBe(false);
  });

  test("keeps the lock's file until all else is gone: nobody else may think that it is free", async () => {
    const record = addContainer(world, "abc");
    using owned = tryOwnContainer(paths(), record.id);
    expect(owned).toBeDefined();
    // What cannot be removed stops the removal; the lock still stands then.
    const inTheWay = join(namesDir(paths()), record.name, "x");
    const { rmSync } = await import("node:fs");
    rmSync(join(namesDir(paths()), record.name));
    rmSync(join(containerDir(paths(), record.id), "config.json"));
    mkdirSync(join(containerDir(paths(), record.id), "config.json", "x"), { recursive: true });
    await expect(removeContainer(world.context, record)).rejects.toThrow();
    expect(tryOwnContainer(paths(), record.id)).toBeUndefined();
    expect(existsSync(inTheWay)).toBe(false);
  });
});

describe("sweep leaves alone", () => {
  test("a container that runs, though its monitor was killed", async () => {
    const record = addContainer(world, "abc", { options: { image: "x", autoRemove: true } });
    putState(world, record, runningHere());
    addRunDir(record);
    await sweep(world.context);
    expect(hasRunDir(record)).toBe(true);
    expect(written(record)).toEqual(runningHere());
  });

  test("containers that were created, and that have ended", async () => {
    const [created, ended, failed] = [
      addContainer(world, "1"),
      addContainer(world, "2"),
      addContainer(world, "3"),
    ];
    putState(world, ended, EXITED);
    putState(world, failed, startFailedState("why", 127));
    await sweep(world.context);
    expect([created, ended, failed].map(exists)).toEqual([true, true, true]);
    expect(written(ended)).toEqual(EXITED);
    expect(written(failed)).toMatchObject({ status: "created", error: "why" });
  });

  test("what somebody owns: being made, being removed, about to be reaped", async () => {
    const half = containerDir(paths(), idOf("abc"));
    mkdirSync(half, { recursive: true });
    claimName(paths(), "half", idOf("abc"));
    const ended = addContainer(world, "def", { options: { image: "x", autoRemove: true } });
    putState(world, ended, EXITED);
    using _one = tryOwnContainer(paths(), idOf("abc"));
    using _two = tryOwnContainer(paths(), ended.id);
    await sweep(world.context);
    expect(existsSync(half)).toBe(true);
    expect(resolveName(paths(), "half")).toBe(idOf("abc"));
    expect(exists(ended)).toBe(true);
  });
});

describe("sweep mends", () => {
  test("a container whose monitor was killed with it: its end is written down, its runtime state goes", async () => {
    const record = addContainer(world, "abc");
    putState(world, record, runningNoMore());
    addRunDir(record);
    const leases = addLease(record);
    await sweep(world.context);
    expect(written(record)).toMatchObject({ status: "exited", exitCode: 137, pid: 0 });
    expect(hasRunDir(record)).toBe(false);
    expect(readdirSync(leases)).toEqual([]);
    expect(readState(paths(), record.id).finishedAt).toBe(written(record)?.finishedAt);
  });

  test("runtime state of a container that does not run", async () => {
    const record = addContainer(world, "abc");
    putState(world, record, EXITED);
    addRunDir(record);
    await sweep(world.context);
    expect(hasRunDir(record)).toBe(false);
    expect(exists(record)).toBe(true);
  });

  test.each([
    ["has ended", EXITED],
    ["was killed with its monitor", runningNoMore()],
  ])("a --rm container that %s and nobody removed", async (_how, state) => {
    const record = addContainer(world, "abc", { options: { image: "x", autoRemove: true } });
    putState(world, record, state);
    await sweep(world.context);
    expect(exists(record) || hasRunDir(record)).toBe(false);
    expect(resolveName(paths(), record.name)).toBeUndefined();
  });

  test("what never became a container, and its name", async () => {
    mkdirSync(join(containerDir(paths(), idOf("abc")), "upper"), { recursive: true });
    mkdirSync(containerRunDir(paths(), idOf("def")), { recursive: true });
    claimName(paths(), "half", idOf("abc"));
    claimName(paths(), "nothing", idOf("999"));
    await sweep(world.context);
    expect(readdirSync(join(paths().root, "containers"))).toEqual([]);
    expect(readdirSync(join(paths().run, "containers"))).toEqual([]);
    expect(readdirSync(namesDir(paths()))).toEqual([]);
    expect(readRecord(paths(), idOf("abc"))).toBeUndefined();
  });

  test("nothing, where nothing was ever made", async () => {
    await sweep(world.context);
    expect(existsSync(paths().root)).toBe(false);
  });

  test("beside others that sweep and remove at the same time", async () => {
    const records = Array.from({ length: 8 }, (_, index) =>
      addContainer(world, `a${index}`, { options: { image: "x", autoRemove: true } }),
    );
    for (const record of records) putState(world, record, EXITED);
    for (let index = 0; index < 50; index++) claimName(paths(), `stale${index}`, idOf(`e${index}`));
    await Promise.all([sweep(world.context), sweep(world.context), sweep(world.context)]);
    expect(records.some(exists)).toBe(false);
    expect(readdirSync(namesDir(paths()))).toEqual([]);
  });
});
