/** A journal that everybody writes to: no line is lost or torn, whoever reads meanwhile and whatever is rotated. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { changesIn } from "../../../src/store/changes.ts";
import { appendToJournal, journalPath, readJournal } from "../../../src/store/journal.ts";
import { eventsDir, type Paths } from "../../../src/store/paths.ts";

let paths: Paths;
beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), "journal-"));
  paths = { root, run: root };
});
afterEach(() => rmSync(paths.root, { recursive: true }));

const line = (number: number | string): string =>
  `{"time":"2026-01-31T12:00:00.000000000Z","number":"${number}"}`;
const numberOf = (text: string): string => (JSON.parse(text) as { number: string }).number;
const add = (number: number | string, limit?: number): void =>
  appendToJournal(paths, line(number), limit === undefined ? {} : { limit });

test("a reader sees what is there, then what is new", () => {
  using empty = readJournal(paths);
  expect([...empty.unread()]).toEqual([]);
  add(1);
  add(2);
  using reader = readJournal(paths);
  expect([...reader.unread()].map(numberOf)).toEqual(["1", "2"]);
  expect([...reader.unread()]).toEqual([]);
  add(3);
  expect([...reader.unread()].map(numberOf)).toEqual(["3"]);
  expect([...empty.unread()].map(numberOf)).toEqual(["1", "2", "3"]);
});

describe("what is no line is stepped over, and damages no other", () => {
  test.each([
    ["half a line that a full disk left", '{"time":"2026-01-31T12:0'],
    ["zeros that a power failure left", "\0".repeat(100)],
    ["foreign text", "hello\n\n"],
    ["another's JSON", '{"a":1}\n[]\n'],
  ])("%s", (_, damage) => {
    add(1);
    appendFileSync(journalPath(paths), damage);
    add(2);
    using reader = readJournal(paths);
    expect([...reader.unread()].map(numberOf)).toEqual(["1", "2"]);
  });

  test("a line that holds another's beginning as text", () => {
    const quoted = JSON.stringify({ time: "x", number: '{"time":"y"}' });
    appendToJournal(paths, quoted);
    using reader = readJournal(paths);
    expect([...reader.unread()]).toEqual([quoted]);
  });
});

test("a line is read when it is whole, not before", () => {
  using reader = readJournal(paths);
  add("é");
  const bytes = readFileSync(journalPath(paths));
  const cut = bytes.indexOf(Buffer.from("é")) + 1;
  truncateSync(journalPath(paths), cut);
  expect([...reader.unread()]).toEqual([]);
  appendFileSync(journalPath(paths), bytes.subarray(cut));
  expect([...reader.unread()].map(numberOf)).toEqual(["é"]);
});

describe("rotation", () => {
  test("keeps the older half, and a follower sees every line once", () => {
    using follower = readJournal(paths);
    const seen: string[] = [];
    const limit = 10 * line(10).length;
    for (let number = 10; number < 100; number++) {
      add(number, limit);
      if (number % 7 === 0) seen.push(...[...follower.unread()].map(numberOf));
    }
    seen.push(...[...follower.unread()].map(numberOf));
    const all = Array.from({ length: 90 }, (_, index) => String(10 + index));
    expect(seen).toEqual(all);
    using late = readJournal(paths);
    const kept = [...late.unread()].map(numberOf);
    expect(kept.length).toBeGreaterThanOrEqual(10);
    expect(kept).toEqual(all.slice(-kept.length));
  });

  test("a writer that opened the journal before is heard by a follower that has read past it", () => {
    add(1);
    using follower = readJournal(paths);
    expect([...follower.unread()]).toHaveLength(1);
    const slow = openSync(journalPath(paths), "a");
    add(2, 1); // rotates
    add(3);
    expect([...follower.unread()].map(numberOf)).toEqual(["2", "3"]);
    writeSync(slow, `${line(4)}\n`);
    closeSync(slow);
    add(5);
    expect([...follower.unread()].map(numberOf).sort()).toEqual(["4", "5"]);
  });

  test("a journal that was emptied begins anew", () => {
    add(1);
    add(2);
    using follower = readJournal(paths);
    expect([...follower.unread()]).toHaveLength(2);
    truncateSync(journalPath(paths));
    add(3);
    expect([...follower.unread()].map(numberOf)).toEqual(["3"]);
  });

  test("four processes write through one, and a follower misses nothing", { timeout: 60_000 }, async () => {
    const [writers, lines] = [4, 400];
    // More than half of what is written in all: it happens once.
    const limit = Math.ceil(writers * lines * line("0-000").length * 0.6);
    const module = fileURLToPath(new URL("../../../src/store/journal.ts", import.meta.url));
    const program = `
      import { appendToJournal } from ${JSON.stringify(module)};
      const [root, writer, lines, limit] = process.argv.slice(1);
      for (let number = 0; number < lines; number++) {
        const name = writer + "-" + String(number).padStart(3, "0");
        appendToJournal({ root, run: root }, '{"time":"2026-01-31T12:00:00.000000000Z","number":"' + name + '"}', { limit: Number(limit) });
      }`;
    add("first");
    using changes = changesIn(eventsDir(paths));
    using follower = readJournal(paths);
    const children = Array.from({ length: writers }, (_, writer) =>
      spawn(
        process.execPath,
        ["--input-type=module", "-e", program, paths.root, String(writer), String(lines), String(limit)],
        { stdio: ["ignore", "ignore", "inherit"] },
      ),
    );
    let ended = false;
    const codes = Promise.all(children.map(async (child) => (await once(child, "close"))[0] as number)).then(
      (all) => {
        ended = true;
        return all;
      },
    );
    const seen: string[] = [];
    for (let last = false; !last; ) {
      last = ended;
      seen.push(...[...follower.unread()].map(numberOf));
      if (!last) await changes.next({ timeoutMs: 20 });
    }
    expect(await codes).toEqual([0, 0, 0, 0]);
    expect(existsSync(`${journalPath(paths)}.1`)).toBe(true);
    const expected = Array.from({ length: writers * lines }, (_, index) => {
      return `${Math.floor(index / lines)}-${String(index % lines).padStart(3, "0")}`;
    });
    expect(seen.toSorted()).toEqual(["first", ...expected].toSorted());
    // Of one writer everything comes in the order in which it was written.
    for (let writer = 0; writer < writers; writer++) {
      const own = seen.filter((name) => name.startsWith(`${writer}-`));
      expect(own).toEqual(own.toSorted());
    }
  });
});
