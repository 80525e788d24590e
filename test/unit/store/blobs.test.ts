import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { blobPath, hasBlob, putBlob, readBlob } from "../../../src/store/blobs.ts";
import { digestOf } from "../../../src/store/digest.ts";
import { blobsDir, type Paths } from "../../../src/store/paths.ts";

const bytes = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(bytes);

let paths: Paths;
beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), "blobs-"));
  paths = { root, run: join(root, "run") };
});
afterEach(() => rmSync(paths.root, { recursive: true }));

test("a blob is found under its digest", () => {
  expect(hasBlob(paths, digest)).toBe(false);
  expect(readBlob(paths, digest)).toBeUndefined();
  putBlob(paths, digest, bytes);
  putBlob(paths, digest, bytes);
  expect(hasBlob(paths, digest)).toBe(true);
  expect(readBlob(paths, digest)).toEqual(bytes);
  expect(readdirSync(blobsDir(paths))).toEqual([digest.slice("sha256:".length)]);
});

test("bytes of another digest are refused", () => {
  const put = () => putBlob(paths, digest, Buffer.from("something else"));
  expect(put).toThrow(expect.objectContaining({ code: "ERR_TSRUN_DIGEST_MISMATCH" }));
  expect(existsSync(blobsDir(paths))).toBe(false);
});

test("a blob damaged on disk counts as missing, and can be put again", () => {
  putBlob(paths, digest, bytes);
  writeFileSync(blobPath(paths, digest), bytes.subarray(0, 5));
  expect(readBlob(paths, digest)).toBeUndefined();
  putBlob(paths, digest, bytes);
  expect(readBlob(paths, digest)).toEqual(bytes);
});

test.each(["sha256:../../etc/passwd", `sha512:${"0".repeat(128)}`, `sha256:${"A".repeat(64)}`, ""])(
  "%j is no digest",
  (text) => {
    expect(() => hasBlob(paths, text)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_DIGEST_INVALID" }));
  },
);
