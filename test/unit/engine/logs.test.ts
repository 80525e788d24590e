import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LogEntry, LogOptions } from "../../../src/engine/api.ts";
import { readLogs } from "../../../src/engine/logs.ts";
import { tryOwnContainer } from "../../../src/engine/ownership.ts";
import type { ContainerRecord } from "../../../src/engine/types.ts";
import { containerDir } from "../../../src/store/paths.ts";
import { addContainer, EXITED, openWorld, putState, runningHere, type World } from "./container-fixture.ts";

let world: World;
let record: ContainerRecord;
let file: string;
beforeEach(() => {
  world = openWorld();
  record = addContainer(world, "abc");
  file = join(containerDir(world.context.paths, record.id), "log.json");
});
afterEach(() => world[Symbol.dispose]());

/** One line of the file; the time is so many seconds after noon. */
function line(text: string, { second = 0, stream = "stdout" } = {}): string {
  const time = `2026-01-31T12:00:${String(second).padStart(2, "0")}.123456789Z`;
  return `${JSON.stringify({ log: text, stream, time })}\n`;
}
const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => line(`${from + index}\n`)).join("");

async function collect(options?: LogOptions): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const entry of readLogs(world.context, "abc", options)) entries.push(entry);
  return entries;
}
const texts = async (options?: LogOptions): Promise<string> =>
  (await collect(options)).map(({ text }) => text).join("");

describe("what was written", () => {
  test("comes back with its stream and its time", async () => {
    writeFileSync(file, line("a\n") + line("é\u2028<b>", { second: 1, stream: "stderr" }));
    expect(await collect()).toEqual([
      { text: "a\n", stream: "stdout", time: "2026-01-31T12:00:00.123456789Z" },
      { text: "é\u2028<b>", stream: "stderr", time: "2026-01-31T12:00:01.123456789Z" },
    ]);
  });

  test("oldest first through the rotated files, as many as are kept", async () => {
    writeFileSync(`${file}.2`, line("1\n"));
    writeFileSync(`${file}.1`, line("2\n"));
    writeFileSync(file, line("3\n"));
    writeFileSync(`${file}.3`, line("of an earlier, greater number\n"));
    expect(await texts()).toBe("1\n2\n3\n");
    rmSync(`${file}.1`);
    expect(await texts()).toBe("1\n3\n");
    rmSync(file);
    expect(await texts()).toBe("1\n");
  });

  test("nothing, where nothing was written", async () => {
    expect(await collect()).toEqual([]);
    writeFileSync(file, "");
    expect(await collect({ tail: 5 })).toEqual([]);
  });

  test("a line that is not whole is left out, wherever it is", async () => {
    writeFileSync(file, `${line("a\n")}{"log":"torn${"\n"}${line("b\n")}${line("half\n").slice(0, -20)}`);
    expect(await texts()).toBe("a\nb\n");
  });

  test("characters and lines across the pieces in which the file is read", async () => {
    const long = "ü€😀".repeat(20_000);
    writeFileSync(file, line(`${long}\n`) + line("end\n"));
    expect(await texts()).toBe(`${long}\nend\n`);
  });

  test("a great many short lines", async () => {
    writeFileSync(file, numbered(0, 300_000));
    const entries = await collect();
    expect(entries.length).toBe(300_000);
    expect((await collect({ tail: 2 })).map(({ text }) => text)).toEqual(["299998\n", "299999\n"]);
  }, 30_000);

  test("is not kept with --log-driver none", async () => {
    addContainer(world, "def", { logDriver: "none" });
    await expect(readLogs(world.context, "def")[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "ERR_TSRUN_LOG_UNREADABLE",
    });
  });
});

describe("parts of it", () => {
  beforeEach(() => {
    writeFileSync(`${file}.1`, line("1\n", { second: 1 }) + line("2\n", { second: 2 }));
    writeFileSync(file, line("3\n", { second: 3 }) + line("4\n", { second: 4 }));
  });

  test.each<[LogOptions, string]>([
    [{ tail: 0 }, ""],
    [{ tail: 1 }, "4\n"],
    [{ tail: 3 }, "2\n3\n4\n"],
    [{ tail: 99 }, "1\n2\n3\n4\n"],
    [{ since: "2026-01-31T12:00:03Z" }, "3\n4\n"],
    [{ until: "2026-01-31T12:00:03Z" }, "1\n2\n"],
    [{ since: "2026-01-31T12:00:02Z", until: "2026-01-31T12:00:04Z" }, "2\n3\n"],
    [{ since: "2026-01-31T13:00:03+01:00" }, "3\n4\n"],
    [{ since: String(Date.UTC(2026, 0, 31, 12, 0, 4) / 1000) }, "4\n"],
    [{ since: `${Date.UTC(2026, 0, 31, 12, 0, 4) / 1000}.5` }, ""],
    [{ since: "2026-01-31T12:00:02Z", tail: 1 }, "4\n"],
    [{ until: "2026-01-31T12:00:03Z", tail: 1 }, "2\n"],
    [{ since: "2026-01-31T12:00:03.123456789Z" }, "3\n4\n"],
    [{ since: "2026-01-31T12:00:03.12345679Z" }, "4\n"],
    [{ until: "2026-01-31T12:00:03.123456789Z" }, "1\n2\n3\n"],
    [{ until: "2026-01-31T12:00:03.123456788Z" }, "1\n2\n"],
    [{ since: `${Date.UTC(2026, 0, 31, 12, 0, 4) / 1000}.123456789` }, "4\n"],
    [{ since: `${Date.UTC(2026, 0, 31, 12, 0, 4) / 1000}.123456790` }, ""],
  ])("%j", async (options, expected) => {
    expect(await texts(options)).toBe(expected);
  });

  test("a time that is none", async () => {
    await expect(collect({ since: "yesterday" })).rejects.toMatchObject({ code: "ERR_TSRUN_TIME_INVALID" });
  });
});

describe("following", () => {
  /** Follows in the background; what has come so far, and all of it in the end. */
  function follow(options: LogOptions = {}): { soFar: () => string; done: Promise<string> } {
    let seen = "";
    const read = async (): Promise<string> => {
      for await (const { text } of readLogs(world.context, "abc", { follow: true, ...options })) seen += text;
      return seen;
    };
    return { soFar: () => seen, done: read() };
  }
  async function until(what: () => boolean): Promise<void> {
    for (let tries = 0; !what() && tries < 300; tries++) await sleep(10);
    expect(what()).toBe(true);
  }

  /** Whether this process has the file open. */
  const isOpen = (path: string): boolean =>
    readdirSync("/proc/self/fd").some((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === path;
      } catch {
        return false; // the one that lists
      }
    });

  beforeEach(() => putState(world, record, runningHere()));

  test("shows what comes, until the container has ended", async () => {
    writeFileSync(file, line("1\n"));
    const log = follow();
    await until(() => log.soFar() === "1\n");
    appendFileSync(file, line("2\n").slice(0, 20));
    appendFileSync(file, line("2\n").slice(20) + line("3\n"));
    await until(() => log.soFar() === "1\n2\n3\n");
    appendFileSync(file, line("4\n"));
    putState(world, record, EXITED);
    expect(await log.done).toBe("1\n2\n3\n4\n");
  });

  test("begins after the tail", async () => {
    writeFileSync(file, numbered(1, 5));
    const log = follow({ tail: 1 });
    await until(() => log.soFar() === "4\n");
    appendFileSync(file, line("5\n"));
    putState(world, record, EXITED);
    expect(await log.done).toBe("4\n5\n");
  });

  test("a container that has ended is over at once", async () => {
    writeFileSync(file, line("1\n"));
    putState(world, record, EXITED);
    expect(await follow().done).toBe("1\n");
  });

  test("a restart is not the end, although the container belongs to nobody for a moment", async () => {
    writeFileSync(file, line("first run\n"));
    const log = follow();
    await until(() => log.soFar() === "first run\n");
    putState(world, record, EXITED);
    await sleep(50);
    putState(world, record, runningHere());
    await sleep(500);
    appendFileSync(file, line("second run\n"));
    await until(() => log.soFar() === "first run\nsecond run\n");
    putState(world, record, EXITED);
    expect(await log.done).toBe("first run\nsecond run\n");
  });

  test("nor is it for a reader that has not got to look for a while", async () => {
    writeFileSync(file, line("first run\n"));
    const log = follow();
    await until(() => log.soFar() === "first run\n");
    const awake = performance.now() + 700;
    while (performance.now() < awake);
    putState(world, record, EXITED);
    await sleep(50);
    putState(world, record, runningHere());
    appendFileSync(file, line("second run\n"));
    await until(() => log.soFar() === "first run\nsecond run\n");
    putState(world, record, EXITED);
    expect(await log.done).toBe("first run\nsecond run\n");
  });

  test("ends at the time given, although the container goes on", async () => {
    writeFileSync(file, line("early\n"));
    const log = follow({ until: new Date(Date.now() + 200).toISOString() });
    expect(await log.done).toBe("early\n");
  });

  test("a container has not quite ended while its monitor still writes its last output", async () => {
    writeFileSync(file, line("1\n"));
    const owned = tryOwnContainer(world.context.paths, record.id);
    putState(world, record, EXITED);
    const log = follow();
    await until(() => log.soFar() === "1\n");
    await sleep(250);
    appendFileSync(file, line("last words\n"));
    owned?.release();
    expect(await log.done).toBe("1\nlast words\n");
  });

  test("a file that is made only later", async () => {
    const log = follow();
    await sleep(30);
    writeFileSync(file, line("1\n"));
    await until(() => log.soFar() === "1\n");
    putState(world, record, EXITED);
    expect(await log.done).toBe("1\n");
  });

  test("through rotations loses nothing, not even what was written right before one, or several", async () => {
    const rotate = (): void => {
      for (const [from, to] of [
        [`${file}.1`, `${file}.2`],
        [file, `${file}.1`],
      ] as const)
        try {
          renameSync(from, to);
        } catch {
          // There is none yet.
        }
    };
    writeFileSync(file, line("1\n"));
    const log = follow();
    await until(() => log.soFar() === "1\n");
    appendFileSync(file, line("2\n"));
    rotate();
    writeFileSync(file, line("3\n"));
    await until(() => log.soFar() === "1\n2\n3\n");
    appendFileSync(file, line("4\n"));
    rotate();
    writeFileSync(file, line("5\n"));
    rotate();
    writeFileSync(file, line("6\n"));
    await until(() => log.soFar().endsWith("6\n"));
    putState(world, record, EXITED);
    expect(await log.done).toBe("1\n2\n3\n4\n5\n6\n");
  });

  test("the only file there may be, begun anew", async () => {
    writeFileSync(file, numbered(0, 100));
    const log = follow({ tail: 0 });
    await until(() => isOpen(file));
    truncateSync(file);
    appendFileSync(file, line("anew\n"));
    await until(() => log.soFar() === "anew\n");
    putState(world, record, EXITED);
    expect(await log.done).toBe("anew\n");
  });

  test("ends when it is called off", async () => {
    const abort = new AbortController();
    const log = follow({ signal: abort.signal });
    abort.abort(new Error("called off"));
    await expect(log.done).rejects.toThrow("called off");
  });

  test("ends when the container is removed meanwhile", async () => {
    writeFileSync(file, line("1\n"));
    const log = follow();
    await until(() => log.soFar() === "1\n");
    rmSync(containerDir(world.context.paths, record.id), { recursive: true });
    mkdirSync(containerDir(world.context.paths, record.id));
    expect(await log.done).toBe("1\n");
  });
});
