/** native/monitor/health-state.c: what probes come to, by docker's rules, and how it is written down. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWorkshop, SANITIZER_ENVIRONMENT, type Workshop } from "./compile.ts";

/**
 * FILE RETRIES START_PERIOD, then for each probe its age, exit code, "cut" or "whole", what was overdue or "-", and its
 * output. Prints a line a probe: status, streak, whether that is a change, and the interval to the next.
 */
const MAIN = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "health-state.h"

int main(int argc, char **argv)
{
	static struct health_state health;
	struct health_rules rules = { .retries = atoi(argv[2]), .interval = 30, .start_interval = 5, .start_period = atoi(argv[3]) };

	for (char **word = argv + 4; word + 4 < argv + argc; word += 5) {
		struct probe_result result = { .start = "S", .end = "E", .exit_code = atoi(word[1]), .cut = strcmp(word[2], "cut") == 0 };

		result.overdue = strcmp(word[3], "-") == 0 ? NULL : word[3];
		result.length = strlen(word[4]);
		memcpy(result.output, word[4], result.length);
		bool changed = health_note(&health, &rules, atoi(word[0]), &result);
		printf("%s %d %s %lld\\n", health_word(health.status), health.failing_streak, changed ? "changed" : "same",
		       health_interval(&health, &rules, atoi(word[0])));
	}
	return health_write(&health, argv[1]) == 0 ? 0 : 1;
}
`;

interface Probe {
  age?: number;
  exitCode: number;
  cut?: boolean;
  overdue?: string;
  output?: string;
}

let workshop: Workshop;
let program: string;
beforeAll(() => {
  workshop = openWorkshop();
  program = workshop.compile("health", {
    sources: ["health-state", "state", "clock", "json"].map((name) => `monitor/${name}.c`),
    main: MAIN,
  });
}, 60_000);
afterAll(() => workshop[Symbol.dispose]());

function note(probes: readonly Probe[], { retries = 3, startPeriod = 0 } = {}) {
  const file = join(mkdtempSync(join(workshop.directory, "health-")), "health.json");
  const words = probes.flatMap(({ age = 1000, exitCode, cut, overdue = "-", output = "" }) => [
    ...[String(age), String(exitCode), cut ? "cut" : "whole", overdue, output],
  ]);
  const { status, stdout, stderr } = spawnSync(
    program,
    [file, String(retries), String(startPeriod), ...words],
    {
      encoding: "utf8",
      env: SANITIZER_ENVIRONMENT,
    },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return { steps: stdout.trim().split("\n"), document: JSON.parse(readFileSync(file, "utf8")) };
}
const codes = (exitCodes: readonly number[], rules?: { retries?: number; startPeriod?: number }) =>
  note(
    exitCodes.map((exitCode) => ({ exitCode })),
    rules,
  ).steps.map((line) => line.replace(/ \d+$/, ""));

describe("docker's arithmetic", () => {
  test("the first success makes it healthy, whatever came before", () => {
    expect(codes([1, 1, 0, 0])).toEqual([
      "starting 1 same",
      "starting 2 same",
      "healthy 0 changed",
      "healthy 0 same",
    ]);
  });

  test("so many failures in a row make it unhealthy, and a single success undoes it", () => {
    expect(codes([0, 1, 2, 0, 1, -1, 137, 1, 0])).toEqual([
      "healthy 0 changed",
      "healthy 1 same",
      "healthy 2 same",
      "healthy 0 same",
      "healthy 1 same",
      "healthy 2 same",
      "unhealthy 3 changed",
      "unhealthy 4 same",
      "healthy 0 changed",
    ]);
    expect(codes([1], { retries: 1 })).toEqual(["unhealthy 1 changed"]);
  });

  test("failures within the start period do not count until it has been healthy", () => {
    const probe = (age: number, exitCode: number): Probe => ({ age, exitCode });
    expect(
      note([probe(10, 1), probe(99, 1), probe(100, 1), probe(101, 1)], { retries: 2, startPeriod: 100 })
        .steps,
    ).toEqual(["starting 0 same 5", "starting 0 same 5", "starting 1 same 30", "unhealthy 2 changed 30"]);
    expect(note([probe(10, 0), probe(20, 1)], { retries: 1, startPeriod: 100 }).steps).toEqual([
      "healthy 0 changed 30",
      "unhealthy 1 changed 30",
    ]);
  });
});

describe("the document", () => {
  test("of a container that nobody has probed yet", () => {
    expect(note([]).document).toEqual({ status: "starting", failingStreak: 0, log: [] });
  });

  test("has the last five probes, oldest first", () => {
    const { document } = note(
      Array.from({ length: 8 }, (_, index) => ({ exitCode: index + 1, output: `probe ${index}\n` })),
    );
    expect(document).toMatchObject({ status: "unhealthy", failingStreak: 8 });
    expect(document.log).toEqual(
      [3, 4, 5, 6, 7].map((index) => ({
        start: "S",
        end: "E",
        exitCode: index + 1,
        output: `probe ${index}\n`,
      })),
    );
  });

  test("says what was too late, and what was cut", () => {
    const { document } = note([
      { exitCode: -1, overdue: "exceeded (3s)" },
      { exitCode: -1, overdue: "exceeded (3s)", output: "half" },
      { exitCode: 0, output: "much", cut: true },
    ]);
    expect(document.log.map(({ output }: { output: string }) => output)).toEqual([
      "exceeded (3s)",
      "exceeded (3s): half",
      "much...",
    ]);
  });

  test("is JSON whatever the outputs are, the widest of them", () => {
    const output = "\u0001".repeat(4096);
    const { document } = note(Array.from({ length: 6 }, () => ({ exitCode: 1, output, cut: true })));
    expect(document.log).toHaveLength(5);
    expect(document.log[4].output).toBe(`${output}...`);
  });
});
