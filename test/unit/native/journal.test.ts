/** native/monitor/journal.c: prepared lines become whole ones, and what is prepared stays with the monitor. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorkshop, SANITIZER_ENVIRONMENT, type Workshop } from "./compile.ts";

const MAIN = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "journal.h"

int main(int argc, char **argv)
{
	struct state state = { .exit_code = atoi(argv[1]), .oom_killed = argc > 2 };

	strcpy(state.started_at, "2026-01-31T12:00:00.000000001Z");
	strcpy(state.finished_at, "2026-01-31T12:00:01.000000002Z");
	umask(0);
	journal_open();
	journal_start(&state);
	journal_health(true);
	journal_health(false);
	journal_probe_end(9); /* of none */
	for (int code = 0; code < 2; code++) {
		journal_probe_start();
		journal_probe_end(code);
		journal_probe_end(9);
	}
	journal_end(&state);
	puts(getenv("TSRUN_JOURNAL") || getenv("TSRUN_EVENTS_DIE") ? "left" : "taken");
	return 0;
}
`;

const prepared = (action: string, more = ""): string =>
  `"type":"container","action":"${action}","id":"a1","attributes":{"name":"web"${more}`;
const EVENTS = {
  TSRUN_EVENTS_START: `${prepared("attach")}\n${prepared("start", `,"label":"${"x".repeat(30_000)}"`)}`,
  TSRUN_EVENTS_OOM: prepared("oom"),
  TSRUN_EVENTS_DIE: prepared("die"),
  TSRUN_EVENTS_END: prepared("disconnect"),
};

let workshop: Workshop;
let program: string;
beforeAll(() => {
  workshop = openWorkshop();
  program = workshop.compile("journal", { sources: ["monitor/journal.c", "monitor/clock.c"], main: MAIN });
}, 60_000);
afterAll(() => workshop[Symbol.dispose]());

interface Told {
  action: string;
  execID: string;
  exitCode?: string;
}

let runs = 0;
function run(environment: Record<string, string>, ...args: string[]) {
  runs += 1;
  const directory = join(workshop.directory, `run-${runs}`);
  mkdirSync(directory);
  const journal = join(directory, "journal");
  writeFileSync(journal, "before\n", { mode: 0o600 });
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    env: { ...SANITIZER_ENVIRONMENT, TSRUN_JOURNAL: journal, ...environment },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const [first, ...lines] = readFileSync(journal, "utf8").trimEnd().split("\n");
  expect(first).toBe("before");
  return { stdout, events: lines.map((text) => JSON.parse(text) as Record<string, unknown>) };
}

test("records a life, with times, duration and exit code", () => {
  const { events, stdout } = run(EVENTS, "3");
  expect(events.map(({ action }) => action)).toEqual(["attach", "start", "die", "disconnect"]);
  expect(events[1]).toMatchObject({ time: "2026-01-31T12:00:00.000000001Z", type: "container", id: "a1" });
  expect(events[2]).toEqual({
    time: "2026-01-31T12:00:01.000000002Z",
    type: "container",
    action: "die",
    id: "a1",
    attributes: { name: "web", execDuration: "0", exitCode: "3" },
  });
  expect(stdout).toBe("taken\n");
});

test("records a kill for memory before the end", () => {
  const { events } = run(EVENTS, "137", "oom");
  expect(events.map(({ action }) => action)).toEqual(["attach", "start", "oom", "die", "disconnect"]);
});

test("records health", () => {
  const health = { TSRUN_EVENTS_HEALTHY: prepared("healthy"), TSRUN_EVENTS_UNHEALTHY: prepared("unhealthy") };
  const { events } = run(health, "0");
  expect(events.map(({ action }) => action)).toEqual(["healthy", "unhealthy"]);
  expect(Math.abs(Date.parse(String(events[0]?.time)) - Date.now())).toBeLessThan(10_000);
});

test("records probes, each with an id of its own", () => {
  const probes = {
    TSRUN_EVENTS_PROBE: `${prepared("exec_create: true")}\n${prepared("exec_start: true")}`,
    TSRUN_EVENTS_PROBE_DIE: prepared("exec_die"),
  };
  const { events } = run(probes, "0");
  const told = events.map(({ action, attributes }) => ({ action, ...(attributes as object) }) as Told);
  expect(told.map(({ action }) => action.replace(/:.*/, ""))).toEqual([
    ...["exec_create", "exec_start", "exec_die"],
    ...["exec_create", "exec_start", "exec_die"],
  ]);
  expect(told.map(({ exitCode }) => exitCode).filter(Boolean)).toEqual(["0", "1"]);
  const ids = told.map(({ execID }) => execID);
  expect(ids[0]).toMatch(/^[0-9a-f]{64}$/);
  expect([ids[1], ids[2], ids[4], ids[5]]).toEqual([ids[0], ids[0], ids[3], ids[3]]);
  expect(ids[3]).not.toBe(ids[0]);
});

test("records nothing that was not prepared", () => {
  expect(run({}, "0").events).toEqual([]);
  expect(run({ TSRUN_EVENTS_START: "", TSRUN_EVENTS_DIE: "" }, "0").events).toEqual([]);
});

test("without a journal, or where it cannot be written, nothing happens", () => {
  for (const file of [{}, { TSRUN_JOURNAL: "/proc/none/journal" }]) {
    const { status } = spawnSync(program, ["0"], { env: { ...SANITIZER_ENVIRONMENT, ...EVENTS, ...file } });
    expect(status).toBe(0);
  }
});

test("a journal that was rotated away is made anew, for its owner alone", () => {
  const journal = join(workshop.directory, "fresh");
  expect(existsSync(journal)).toBe(false);
  spawnSync(program, ["0"], { env: { ...SANITIZER_ENVIRONMENT, ...EVENTS, TSRUN_JOURNAL: journal } });
  expect(statSync(journal).mode & 0o777).toBe(0o600);
});
