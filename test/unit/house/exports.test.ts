/** What the bundle takes for granted (scripts/bundle-chunks.mjs). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const src = fileURLToPath(new URL("../../../src", import.meta.url));
const changeable = /^export (let|var)\b/m;

test("an exported binding never changes", () => {
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => /\.ts$/.test(file));
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((file) => changeable.test(readFileSync(join(src, file), "utf8")))).toEqual([]);
  expect(changeable.test("const a = 1;\nexport let b = a;\n")).toBe(true);
});
