/** native/monitor/resolver.c: who starts the resolver, who lends it what, and what happens where it is killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openWorkshop, SANITIZER_ENVIRONMENT, type Workshop } from "./compile.ts";

/** DIRECTORY ID COMMAND…: a monitor that lends two sockets until its stdin ends. */
const MAIN = `
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "monitor.h"
#include "signals.h"

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int main(int argc, char **argv)
{
	static struct resolver_options options;
	char byte;

	options.directory = argv[1];
	options.sockets = socket(AF_INET, SOCK_DGRAM, 0);
	if (socket(AF_INET, SOCK_STREAM, 0) != options.sockets + 1)
		return 1;
	for (int i = 3; i < argc; i++)
		options.command[i - 3] = argv[i];
	signals_set(SIG_IGN);
	resolver_start(&options, argv[2]);
	for (;;) {
		struct pollfd watch[] = { { .fd = 0, .events = POLLIN }, { .fd = -1 } };

		resolver_watch(&watch[1]);
		poll(watch, 2, resolver_timeout(-1));
		resolver_serve(&watch[1]);
		if (watch[0].revents && read(0, &byte, 1) <= 0)
			break;
	}
	resolver_stop();
	return 0;
}
`;

/** Says who is alive and who lends what, one line each, and ends with the last of its lenders. */
const RESOLVER = `
import { appendFileSync, fstatSync } from "node:fs";
import { Socket } from "node:net";
import { acceptDescriptors } from "${fileURLToPath(new URL("../../../src/kernel/sockets.ts", import.meta.url))}";
const say = (...words) => appendFileSync(process.argv[2], words.join(" ") + "\\n");
say("start", process.pid);
fstatSync(3);
let lenders = 0;
for (;;) {
  const { connection, text, fds } = await acceptDescriptors(4, 2);
  say("lend", process.pid, text, fds.every((fd) => fstatSync(fd).isSocket()));
  lenders++;
  new Socket({ fd: connection }).resume().on("close", () => {
    say("gone", process.pid, text);
    if (--lenders === 0) process.kill(process.pid, "SIGKILL"); // a thread waits for the next lender
  });
}
`;

let workshop: Workshop;
let program: string;
let resolver: string;
beforeAll(() => {
  workshop = openWorkshop();
  const sources = ["monitor/resolver.c", "monitor/clock.c"];
  program = workshop.compile("resolver", { sources, main: MAIN });
  resolver = join(workshop.directory, "resolver.mjs");
  writeFileSync(resolver, RESOLVER);
}, 60_000);
afterAll(() => workshop[Symbol.dispose]());

let directory: string;
let journal: string;
let monitors: ChildProcess[];
beforeEach(() => {
  // Longer than a socket's address may be.
  directory = join(mkdtempSync(join(workshop.directory, `${"long".repeat(30)}-`)));
  journal = join(directory, "journal");
  writeFileSync(journal, "");
  monitors = [];
});
afterEach(async () => {
  for (const monitor of monitors) monitor.stdin?.end();
  await expect.poll(() => pids().filter(isAlive), { timeout: 5000 }).toEqual([]);
});

function startMonitor(id: string, command = [process.execPath, resolver, journal]): ChildProcess {
  const monitor = spawn(program, [directory, id, ...command], {
    stdio: ["pipe", "ignore", "inherit"],
    env: SANITIZER_ENVIRONMENT,
  });
  monitors.push(monitor);
  return monitor;
}

const lines = (kind: string): string[][] =>
  readFileSync(journal, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([first]) => first === kind);
const pids = (): number[] => lines("start").map(([, pid]) => Number(pid));
/** Not where only its entry is left, which nobody may have collected. */
const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
const lent = (pid?: number): string[] =>
  lines("lend")
    .filter(([, by, , sockets]) => sockets === "true" && (pid === undefined || Number(by) === pid))
    .map(([, , id = ""]) => id)
    .sort();

test("ten that begin at once start one resolver, and each lends it two sockets", async () => {
  const ids = Array.from({ length: 10 }, (_, index) => `container${index}`);
  for (const id of ids) startMonitor(id);
  await expect.poll(() => lent(), { timeout: 10_000 }).toEqual(ids);
  expect(pids()).toHaveLength(1);
}, 30_000);

test("what was lent is given back when the container ends, and the next finds another resolver", async () => {
  startMonitor("one").stdin?.end();
  await expect.poll(() => lines("gone").map(([, , id]) => id), { timeout: 10_000 }).toEqual(["one"]);
  startMonitor("two");
  await expect.poll(() => lent(), { timeout: 10_000 }).toEqual(["one", "two"]);
  expect(new Set(pids())).toHaveProperty("size", 2);
}, 30_000);

test("killed, it is replaced by one other, to which all lend again", async () => {
  const ids = ["a", "b", "c", "d", "e"];
  for (const id of ids) startMonitor(id);
  await expect.poll(() => lent(), { timeout: 10_000 }).toEqual(ids);
  for (let round = 1; round <= 3; round++) {
    process.kill(pids().at(-1) as number, "SIGKILL");
    await expect.poll(() => pids().length, { timeout: 5000 }).toBe(round + 1);
    await expect.poll(() => lent(pids().at(-1)), { timeout: 5000 }).toEqual(ids);
  }
  expect(pids()).toHaveLength(4);
}, 30_000);

test("it may be stopped by the signals that a monitor ignores", async () => {
  startMonitor("one", ["/bin/sh", "-c", `grep SigIgn /proc/$$/status >> ${journal}; sleep 1`]);
  const ignored = (): number =>
    Number.parseInt(/^SigIgn:\s+(\w+)$/m.exec(readFileSync(journal, "utf8"))?.[1] ?? "", 16);
  await expect.poll(ignored, { timeout: 5000 }).not.toBeNaN();
  const { SIGHUP, SIGINT, SIGTERM, SIGPIPE } = constants.signals;
  for (const signal of [SIGHUP, SIGINT, SIGTERM, SIGPIPE])
    expect((ignored() >> (signal - 1)) & 1, `signal ${signal}`).toBe(0);
}, 30_000);

test("a program that cannot run is tried ever less often", async () => {
  const script = join(directory, "broken.mjs");
  writeFileSync(
    script,
    `import { appendFileSync } from "node:fs"; appendFileSync(process.argv[2], "try\\n");`,
  );
  startMonitor("one", [process.execPath, script, journal]);
  await sleep(1500);
  const tries = lines("try").length;
  expect(tries).toBeGreaterThanOrEqual(2);
  expect(tries).toBeLessThanOrEqual(8);
}, 30_000);
