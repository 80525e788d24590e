import { execFileSync } from "node:child_process";
import {
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { usageMeter } from "../../../src/store/disk-usage.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "usage-"));
  mkdirSync(join(root, "a/deep"), { recursive: true });
  mkdirSync(join(root, "b"));
  writeFileSync(join(root, "a/deep/file"), Buffer.alloc(50_000, "x"));
  linkSync(join(root, "a/deep/file"), join(root, "b/same"));
  writeFileSync(
    Buffer.concat([Buffer.from(`${root}/b/`), Buffer.from([0xe9, 0xff])]),
    Buffer.alloc(20_000, "y"),
  );
  symlinkSync("/usr", join(root, "b/link"));
  const fd = openSync(join(root, "b/sparse"), "w");
  writeSync(fd, "end", 1_000_000_000);
  closeSync(fd);
});
afterEach(() => rmSync(root, { recursive: true }));

const du = (path: string): number =>
  Number(execFileSync("du", ["-s", "--block-size=1", path], { encoding: "utf8" }).split("\t")[0]);

test("counts as du does: blocks, links once, nothing through symbolic links, whatever a name's bytes", () => {
  expect(usageMeter().measure(root)).toBe(du(root));
  expect(usageMeter().measure(root)).toBeLessThan(200_000);
});

test("a folder measured after its parts is the rest of it: the sum is the whole", () => {
  const meter = usageMeter();
  const parts = ["a/deep/file", "b", "a"].map((name) => meter.measure(join(root, name)));
  expect(parts.every((bytes) => bytes > 0)).toBe(true);
  expect(parts.reduce((sum, bytes) => sum + bytes, meter.measure(root))).toBe(du(root));
  expect(meter.measure(root)).toBe(0);
});

test("what is not there takes nothing", () => {
  expect(usageMeter().measure(join(root, "none"))).toBe(0);
});
