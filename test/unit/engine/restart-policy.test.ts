import { describe, expect, test } from "vitest";
import {
  monitorRestart,
  nextDelay,
  restartCondition,
  startsAtBoot,
} from "../../../src/engine/restart-policy.ts";
import type { RestartPolicy } from "../../../src/engine/types.ts";
import { EXITED } from "./container-fixture.ts";

const policy = (name: RestartPolicy["name"], maximumRetryCount = 0): RestartPolicy => ({
  name,
  maximumRetryCount,
});

test("delays double from 100 ms to a minute", () => {
  const delays: number[] = [];
  let delay: number | undefined;
  for (let restarts = 0; restarts < 12; restarts++) {
    delay = nextDelay(delay);
    delays.push(delay);
  }
  expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60_000, 60_000]);
});

test.each([
  [undefined, 0, "never"],
  [policy("no"), 0, "never"],
  [policy("always"), 1000, "always"],
  [policy("unless-stopped"), 1000, "always"],
  [policy("on-failure"), 1000, "failure"],
  [policy("on-failure", 3), 2, "failure"],
  [policy("on-failure", 3), 3, "never"],
])("%j after %i restarts: %s", (given, restarts, condition) => {
  expect(restartCondition(given, restarts)).toBe(condition);
});

test("a monitor is told the next delay, and the first one for after ten seconds", () => {
  expect(monitorRestart(policy("always"), { count: 3, delay: 800 })).toEqual({
    condition: "always",
    count: 3,
    delay: 800,
    steady: { after: 10_000, delay: 100 },
  });
});

describe("a boot", () => {
  const starts = (
    given: RestartPolicy | undefined,
    more: { exitCode?: number; lost?: boolean; byUser?: boolean; restarts?: number; never?: boolean } = {},
  ): boolean =>
    startsAtBoot(given, {
      state: {
        ...EXITED,
        exitCode: more.exitCode ?? 0,
        restartCount: more.restarts ?? 0,
        ...(more.never && { startedAt: "" }),
      },
      lost: more.lost ?? false,
      stoppedByUser: more.byUser ?? false,
    });

  test.each([
    ["no policy", undefined, { lost: true }, false],
    ["no", policy("no"), { lost: true }, false],
    ["always", policy("always"), {}, true],
    ["always, stopped by the user", policy("always"), { byUser: true }, true],
    ["always, but never started", policy("always"), { never: true }, false],
    ["unless-stopped", policy("unless-stopped"), {}, true],
    ["unless-stopped, stopped by the user", policy("unless-stopped"), { byUser: true }, false],
    ["on-failure that succeeded", policy("on-failure"), { exitCode: 0 }, false],
    ["on-failure that failed", policy("on-failure"), { exitCode: 1 }, true],
    [
      "on-failure that failed, stopped by the user",
      policy("on-failure"),
      { exitCode: 1, byUser: true },
      false,
    ],
    ["on-failure that failed too often", policy("on-failure", 2), { exitCode: 1, restarts: 2 }, false],
    [
      "on-failure that ran to the end of the machine",
      policy("on-failure", 2),
      { lost: true, restarts: 2 },
      true,
    ],
  ] as const)("%s", (_name, given, more, expected) => {
    expect(starts(given, more)).toBe(expected);
  });
});
