import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BLOCK, claimants, claimIds, freeIds, releaseIds } from "../../../../src/engine/userns/claims.ts";
import type { Paths } from "../../../../src/store/paths.ts";

let paths: Paths;
beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), "tsrun-claims-"));
  paths = { root, run: root };
});
afterEach(() => rmSync(paths.root, { recursive: true }));

const spans = [{ first: 10 * BLOCK, count: 4 * BLOCK }];
const claim = (id: string, size: number) => claimIds(paths, id, { spans, size });

test("nobody gets an id of somebody else's, and what is given back is given out again", () => {
  expect(claim("a", 1)).toBe(10 * BLOCK);
  expect(claim("b", BLOCK + 1)).toBe(11 * BLOCK);
  expect(freeIds(paths, { spans, size: BLOCK })).toBe(13 * BLOCK);
  expect(claim("c", BLOCK + 1)).toBeUndefined();
  expect(claimants(paths)).toEqual(new Set(["a", "b"]));
  releaseIds(paths, "a");
  expect(claim("c", BLOCK + 1)).toBeUndefined(); // one block here, one there
  expect(claim("c", BLOCK)).toBe(10 * BLOCK);
  releaseIds(paths, "b");
  expect(claim("d", 3 * BLOCK)).toBe(11 * BLOCK);
});

test("a range is used as far as it has whole blocks", () => {
  const ragged = [
    { first: 1, count: BLOCK },
    { first: BLOCK - 1, count: BLOCK + 1 },
  ];
  expect(claimIds(paths, "a", { spans: ragged, size: BLOCK })).toBe(BLOCK);
  expect(claimIds(paths, "b", { spans: ragged, size: 1 })).toBeUndefined();
});

test("what cannot be claimed as a whole is left alone", () => {
  expect(claim("a", 5 * BLOCK)).toBeUndefined();
  expect(readdirSync(join(paths.root, "userns"))).toEqual([]);
});
