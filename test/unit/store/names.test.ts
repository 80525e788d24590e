import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimName, releaseName, resolveName } from "../../../src/store/names.ts";
import type { Paths } from "../../../src/store/paths.ts";

let paths: Paths;
beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), "names-"));
  paths = { root, run: join(root, "run") };
});
afterEach(() => rmSync(paths.root, { recursive: true }));

test("a name belongs to the first that claims it", () => {
  expect(claimName(paths, "web", "a1")).toBe(true);
  expect(claimName(paths, "web", "b2")).toBe(false);
  expect(claimName(paths, "web", "a1")).toBe(true);
  expect(resolveName(paths, "web")).toBe("a1");
});

test("only its owner releases it", () => {
  claimName(paths, "web", "a1");
  expect(releaseName(paths, "web", "b2")).toBe(false);
  expect(resolveName(paths, "web")).toBe("a1");
  expect(releaseName(paths, "web", "a1")).toBe(true);
  expect(releaseName(paths, "web", "a1")).toBe(false);
  expect(claimName(paths, "web", "b2")).toBe(true);
});

test("a name with a slash reads nothing outside of the folder", () => {
  claimName(paths, "web", "a1");
  symlinkSync("stolen", join(paths.root, "link"));
  expect(resolveName(paths, "../link")).toBeUndefined();
  expect(resolveName(paths, "")).toBeUndefined();
  expect(resolveName(paths, "n".repeat(5000))).toBeUndefined();
});
