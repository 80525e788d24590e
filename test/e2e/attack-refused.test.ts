import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCli, REPOSITORY } from "../support/cli.ts";
import { ownLeaksSince, type Snapshot, snapshot } from "../support/leaks.ts";
import { assertTestHost } from "../support/test-host.ts";
import { attacks } from "./attacks/all.ts";
import { type Scene, setScene } from "./attacks/attack.ts";

const cli = createCli();
let scene: Scene;
let before: Snapshot;

beforeAll(() => {
  assertTestHost();
  before = snapshot(cli);
  scene = setScene(cli, REPOSITORY);
});
afterAll(async () => {
  const leaks = await ownLeaksSince(before, cli);
  cli.close();
  expect(leaks).toEqual([]);
});

describe("an attack gets nothing", () => {
  test.each(attacks.map((attack) => [attack.name, attack] as const))("%s", async (_, { attempt }) => {
    expect(await attempt(scene)).toEqual([]);
  });
});
