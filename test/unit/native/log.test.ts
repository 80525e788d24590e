/** native/monitor/log.c: whatever a process writes becomes lines that anybody can parse. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWorkshop, SANITIZER_ENVIRONMENT, type Workshop } from "./compile.ts";

/** Reads commands: a letter, a length, data. o and e: output; -: no file can be opened from now on; +: it can again. */
const MAIN = `
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "log.h"

static void allow_files(rlim_t count)
{
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ count, 1024 });
}

int main(int argc, char **argv)
{
	char command;
	uint32_t length;

	if (argc != 4)
		return 2;
	log_open(argv[1], atoll(argv[2]), atoi(argv[3]));
	while (fread(&command, 1, 1, stdin) == 1 && fread(&length, 4, 1, stdin) == 1) {
		char *data = malloc(length + 1);
		if (fread(data, 1, length, stdin) != length)
			return 2;
		if (command == 'o' || command == 'e')
			log_write(command == 'o' ? LOG_STDOUT : LOG_STDERR, data, length);
		else
			allow_files(command == '+' ? 1024 : 0);
		free(data);
	}
	log_close();
	return 0;
}
`;

interface Line {
  log: string;
  stream: string;
  time: string;
}
type Command = readonly ["o" | "e" | "-" | "+", (string | Buffer)?];

let workshop: Workshop;
let program: string;

beforeAll(() => {
  workshop = openWorkshop();
  program = workshop.compile("log", {
    sources: ["monitor/log.c", "monitor/clock.c", "monitor/json.c"],
    main: MAIN,
  });
}, 60_000);
afterAll(() => workshop[Symbol.dispose]());

function write(commands: readonly Command[], { maxSize = 0, maxFiles = 1, before = "" } = {}): string {
  const file = join(mkdtempSync(join(workshop.directory, "log-")), "log.json");
  if (before) writeFileSync(file, before);
  const input = commands.flatMap(([command, data = ""]) => {
    const bytes = Buffer.from(data);
    return [Buffer.from(command), Buffer.from(Uint32Array.of(bytes.length).buffer), bytes];
  });
  const { status, stderr } = spawnSync(program, [file, String(maxSize), String(maxFiles)], {
    input: Buffer.concat(input),
    encoding: "utf8",
    env: SANITIZER_ENVIRONMENT,
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return file;
}
const linesOf = (file: string): Line[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
const logged = (...commands: Command[]): Line[] => linesOf(write(commands));
const texts = (lines: Line[]): string[] => lines.map(({ log }) => log);

test("a line becomes an object, with its stream and the time in nanoseconds", () => {
  const before = Date.now() - 1000;
  const [out, err, ...rest] = logged(["o", "hello\n"], ["e", "oops\n"]);
  expect(out).toMatchObject({ log: "hello\n", stream: "stdout" });
  expect(err).toMatchObject({ log: "oops\n", stream: "stderr" });
  expect(rest).toEqual([]);
  expect(out?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  expect(Date.parse(out?.time ?? "")).toBeGreaterThan(before);
});

test("a line in pieces is one line, and the streams do not mix", () => {
  expect(texts(logged(["o", "a"], ["e", "x"], ["o", "b\nc"], ["e", "y\n"], ["o", "d\n"]))).toEqual([
    "ab\n",
    "xy\n",
    "cd\n",
  ]);
});

test("what has not ended in a newline is written in the end", () => {
  expect(texts(logged(["o", "prompt> "]))).toEqual(["prompt> "]);
  expect(logged(["o", ""])).toEqual([]);
});

test("a line that is too long becomes several, of which the last ends", () => {
  const parts = texts(logged(["o", `${"z".repeat(40_000)}\n`]));
  expect(parts.map(({ length }) => length)).toEqual([16384, 16384, 40_001 - 2 * 16384]);
  expect(parts.join("")).toBe(`${"z".repeat(40_000)}\n`);
});

describe("every byte", () => {
  test("control characters, quotes and what HTML would mind come back as they were", () => {
    const text = `${String.fromCharCode(...Array.from({ length: 128 }, (_, code) => (code === 10 ? 32 : code)))}\n`;
    expect(texts(logged(["o", text]))).toEqual([text]);
    const raw = readFileSync(write([["o", '"\\<>&\t\r\x7f\x01\n']]), "utf8");
    expect(raw).toContain('"log":"\\"\\\\\\u003c\\u003e\\u0026\\t\\r\\u007f\\u0001\\n"');
  });

  test("UTF-8 of every length is kept", () => {
    const text = "aé€😀\u{10ffff}\u0800\ud7ff\ue000\n";
    expect(texts(logged(["o", text]))).toEqual([text]);
  });

  test.each([
    ["a lone continuation", [0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["an overlong form of three", [0xe0, 0x80, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
    ["a sequence that is cut short", [0xe2, 0x82]],
    ["bytes that never occur", [0xfe, 0xff]],
  ])("%s is replaced, and what follows is not lost", (_name, bytes) => {
    const [text] = texts(logged(["o", Buffer.from([...bytes, 0x41, 0x0a])]));
    expect(text).toMatch(/^\ufffd+A\n$/);
  });

  test("the worst there can be fits", () => {
    const worst = Buffer.alloc(5 * 16384, 0xff);
    expect(texts(logged(["o", worst])).join("")).toBe("\ufffd".repeat(worst.length));
    const newlines = "\n".repeat(200_000);
    expect(logged(["o", newlines]).length).toBe(200_000);
  });
});

describe("rotation", () => {
  const line = `${"r".repeat(99)}\n`;
  const many = (count: number): Command[] =>
    Array.from({ length: count }, (_, index) => ["o", `${index} ${line}`] as const);
  const filesOf = (file: string): string[] => readdirSync(join(file, "..")).sort();

  test("keeps so many files, the newest lines in the one without a number, and loses none between", () => {
    const file = write(many(100), { maxSize: 2000, maxFiles: 3 });
    expect(filesOf(file)).toEqual(["log.json", "log.json.1", "log.json.2"]);
    const numbers = [`${file}.2`, `${file}.1`, file].flatMap((name) =>
      texts(linesOf(name)).map((text) => Number.parseInt(text, 10)),
    );
    expect(numbers).toEqual(
      Array.from({ length: numbers.length }, (_, index) => 100 - numbers.length + index),
    );
    expect(readFileSync(`${file}.1`).length).toBeGreaterThanOrEqual(2000);
    expect(readFileSync(`${file}.1`).length).toBeLessThan(2300);
  });

  test("one file only is begun anew", () => {
    const file = write(many(100), { maxSize: 2000, maxFiles: 1 });
    expect(filesOf(file)).toEqual(["log.json"]);
    expect(readFileSync(file).length).toBeLessThan(2300);
  });

  test("without a limit, never", () => {
    expect(linesOf(write(many(300), { maxSize: 0, maxFiles: 3 })).length).toBe(300);
  });

  test("what an earlier start wrote counts, and stays", () => {
    const file = write([["o", "new\n"]], { maxSize: 50, maxFiles: 2, before: `${"x".repeat(60)}\n` });
    expect(readFileSync(`${file}.1`, "utf8")).toMatch(/^x+\n\{"log":"new/);
  });

  test("where no new file can be made, lines are lost, but nothing else, and later ones are written again", () => {
    const flood = "f\n".repeat(100_000);
    const file = write(
      [["o", "first\n"], ["-"], ["o", line.repeat(5)], ["o", flood], ["e", flood], ["+"], ["o", "last\n"]],
      {
        maxSize: 200,
        maxFiles: 2,
      },
    );
    expect(existsSync(`${file}.1`)).toBe(true);
    const all = [`${file}.1`, file]
      .filter((name) => existsSync(name))
      .flatMap((name) => texts(linesOf(name)));
    expect(all.at(-1)).toBe("last\n");
    expect(all.length).toBeLessThan(100);
  });
});
