import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { goDuration } from "../../../src/engine/duration.ts";
import {
  hasProbe,
  healthPath,
  mergeHealthCheck,
  validateHealthCheck,
  withHealth,
} from "../../../src/engine/health.ts";
import type { ContainerHealth, HealthCheck } from "../../../src/engine/types.ts";
import { parseConfiguration } from "../../../src/image/config-document.ts";
import { writeDocument } from "../../../src/store/documents.ts";
import { addContainer, EXITED, openWorld, RUNNING, recordOf, type World } from "./container-fixture.ts";

describe("options and image", () => {
  const image = { Test: ["CMD", "probe"], Interval: 5e9, Timeout: 1e9, StartPeriod: 0, Retries: 2 };

  test("nobody says anything", () => {
    expect(mergeHealthCheck(undefined, undefined)).toBeUndefined();
  });

  test("the image's, without what means the default", () => {
    const expected = { test: ["CMD", "probe"], interval: 5e9, timeout: 1e9, retries: 2 };
    expect(mergeHealthCheck(undefined, image)).toEqual(expected);
    expect(mergeHealthCheck({}, { ...image, StartInterval: -1 })).toEqual(expected);
  });

  test("each setting of the user's replaces the image's", () => {
    expect(
      mergeHealthCheck({ test: ["CMD-SHELL", "x"], retries: 9, startPeriod: 1e9, interval: 0 }, image),
    ).toEqual({ test: ["CMD-SHELL", "x"], interval: 5e9, timeout: 1e9, retries: 9, startPeriod: 1e9 });
    expect(mergeHealthCheck({ test: ["NONE"] }, image)?.test).toEqual(["NONE"]);
    expect(mergeHealthCheck({ retries: 1 }, undefined)).toEqual({ retries: 1 });
  });

  test.each<[HealthCheck | undefined, boolean]>([
    [undefined, false],
    [{ retries: 1 }, false],
    [{ test: ["NONE"] }, false],
    [{ test: ["CMD"] }, false],
    [{ test: ["curl", "x"] }, false],
    [{ test: ["CMD", "probe"] }, true],
    [{ test: ["CMD-SHELL", "probe"] }, true],
  ])("%j is a probe: %s", (healthCheck, expected) => {
    expect(hasProbe(recordOf("a1", healthCheck === undefined ? {} : { healthCheck }))).toBe(expected);
  });
});

test.each<[HealthCheck, string]>([
  [{ interval: 999_999 }, "Interval in Healthcheck cannot be less than 1ms"],
  [{ timeout: -1 }, "Timeout in Healthcheck cannot be less than 1ms"],
  [{ startPeriod: 1 }, "StartPeriod in Healthcheck cannot be less than 1ms"],
  [{ startInterval: 1 }, "StartInterval in Healthcheck cannot be less than 1ms"],
  [{ retries: -1 }, "Retries in Healthcheck cannot be negative"],
  [{ retries: 1.5 }, "Retries in Healthcheck cannot be negative"],
])("%j is refused", (check, message) => {
  expect(() => validateHealthCheck(check)).toThrow(
    expect.objectContaining({ code: "ERR_TSRUN_HEALTH_CHECK_INVALID", message }),
  );
});

test("zero and a millisecond are accepted", () => {
  validateHealthCheck({ interval: 0, timeout: 1_000_000, startPeriod: 0, retries: 0 });
  validateHealthCheck({});
});

describe("an image's configuration", () => {
  const parse = (Healthcheck: unknown) =>
    parseConfiguration(
      Buffer.from(JSON.stringify({ os: "linux", architecture: "amd64", config: { Healthcheck } })),
    ).config.Healthcheck;

  test("keeps it", () => {
    const check = { Test: ["CMD-SHELL", "x"], Interval: 1e9, Retries: 3 };
    expect(parse(check)).toEqual(check);
    expect(parse(null)).toBeUndefined();
    expect(parse({ Test: null })).toEqual({ Test: null });
  });

  test.each([[{ Test: "x" }], [{ Test: [1] }], [{ Interval: "30s" }], [{ Retries: 0.5 }], [[]]])(
    "refuses %j",
    (check) => {
      expect(() => parse(check)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_IMAGE_CONFIG_INVALID" }));
    },
  );
});

describe("the state", () => {
  const healthCheck: HealthCheck = { test: ["CMD", "probe"] };
  const health: ContainerHealth = { status: "healthy", failingStreak: 0, log: [] };
  let world: World;
  beforeEach(() => {
    world = openWorld();
  });
  afterEach(() => world[Symbol.dispose]());

  test("has the health that the monitor wrote down while the container runs", () => {
    const { paths } = world.context;
    const record = addContainer(world, "a1", { healthCheck });
    const running = { ...RUNNING, pid: 1 };
    expect(withHealth(paths, record, running)).toEqual(running);
    writeDocument(healthPath(paths, record.id), health, { durable: false });
    expect(withHealth(paths, record, running).health).toEqual(health);
    expect(withHealth(paths, { ...record, healthCheck: { test: ["NONE"] } }, running)).toEqual(running);
  });

  test("is unhealthy once it has ended, with what was found last", () => {
    const { paths } = world.context;
    const record = addContainer(world, "a1", { healthCheck });
    writeDocument(healthPath(paths, record.id), { ...health, failingStreak: 2 }, { durable: false });
    expect(withHealth(paths, record, EXITED).health).toEqual({
      ...health,
      failingStreak: 2,
      status: "unhealthy",
    });
  });

  test("takes a document that a power failure has emptied for none", () => {
    const { paths } = world.context;
    const record = addContainer(world, "a1", { healthCheck });
    writeFileSync(healthPath(paths, record.id), "");
    expect(withHealth(paths, record, EXITED)).toEqual(EXITED);
  });
});

test.each([
  [0, "0s"],
  [1, "1ns"],
  [1_500, "1.5µs"],
  [100e6, "100ms"],
  [999_999_999, "999.999999ms"],
  [1e9, "1s"],
  [1.5e9, "1.5s"],
  [90e9, "1m30s"],
  [5400e9, "1h30m0s"],
  [3600.25e9, "1h0m0.25s"],
])("%d nanoseconds are %s", (nanoseconds, text) => {
  expect(goDuration(nanoseconds)).toBe(text);
});
