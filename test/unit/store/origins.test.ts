import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { originsOf, recordOrigins } from "../../../src/store/origins.ts";
import { originsFile, type Paths } from "../../../src/store/paths.ts";

let paths: Paths;

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-origins-"));
  paths = { root: directory, run: join(directory, "run") };
});
afterEach(() => rmSync(paths.root, { recursive: true }));

const digest = (n: number) => `sha256:${n.toString(16).padStart(64, "0")}`;

test("nothing is known of a blob at first; then its repositories, the latest first", async () => {
  expect(originsOf(paths)(digest(1))).toEqual([]);
  await recordOrigins(paths, "r.example/a", [digest(1), digest(2)]);
  await recordOrigins(paths, "r.example/b", [digest(1)]);
  expect(originsOf(paths)(digest(1))).toEqual(["r.example/b", "r.example/a"]);
  expect(originsOf(paths)(digest(2))).toEqual(["r.example/a"]);
  expect(originsOf(paths)("constructor")).toEqual([]);
});

test("what is known already is not written again", async () => {
  await recordOrigins(paths, "r.example/a", [digest(1)]);
  writeFileSync(originsFile(paths), `${readFileSync(originsFile(paths), "utf8")} `);
  await recordOrigins(paths, "r.example/a", [digest(1)]);
  expect(readFileSync(originsFile(paths), "utf8")).toMatch(/ $/);
});

test("what was seen longest ago is forgotten", async () => {
  for (let i = 0; i < 12; i++) await recordOrigins(paths, `r.example/${i}`, [digest(1)]);
  expect(originsOf(paths)(digest(1))).toEqual([11, 10, 9, 8, 7, 6, 5, 4].map((i) => `r.example/${i}`));
  const many = Array.from({ length: 1024 }, (_, i) => digest(i + 10));
  await recordOrigins(paths, "r.example/many", many);
  expect(originsOf(paths)(digest(1))).toEqual([]);
  expect(originsOf(paths)(digest(10))).toEqual(["r.example/many"]);
});

test("writers at the same time lose nothing of each other", async () => {
  await Promise.all([1, 2, 3, 4].map((i) => recordOrigins(paths, `r.example/${i}`, [digest(i), digest(9)])));
  expect(originsOf(paths)(digest(9)).sort()).toEqual([1, 2, 3, 4].map((i) => `r.example/${i}`));
});

test("half a document is none", async () => {
  await recordOrigins(paths, "r.example/a", [digest(1)]);
  writeFileSync(originsFile(paths), "");
  expect(originsOf(paths)(digest(1))).toEqual([]);
  await recordOrigins(paths, "r.example/a", [digest(1)]);
  expect(originsOf(paths)(digest(1))).toEqual(["r.example/a"]);
});
