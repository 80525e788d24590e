import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readDocument, writeDocument } from "../../../src/store/documents.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "documents-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("what was written is read, and no temporary file stays", () => {
  const path = join(folder, "state.json");
  writeDocument(path, { status: "created", list: [1, "zwei"] }, { mode: 0o600 });
  writeDocument(path, { status: "running" }, { durable: false });
  expect(readDocument(path)).toEqual({ status: "running" });
  expect(readdirSync(folder)).toEqual(["state.json"]);
});

test("the mode is that of the file", () => {
  const path = join(folder, "secret.json");
  writeDocument(path, {}, { mode: 0o600 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a document that is not there is undefined", () => {
  expect(readDocument(join(folder, "nothing.json"))).toBeUndefined();
});

test("a corrupt document is named", () => {
  const path = join(folder, "broken.json");
  writeFileSync(path, '{"half":');
  expect(() => readDocument(path)).toThrow(
    expect.objectContaining({ code: "ERR_TSRUN_DOCUMENT_CORRUPT", message: expect.stringContaining(path) }),
  );
});

test("a value that cannot be written leaves the old document and no temporary file", () => {
  const path = join(folder, "state.json");
  writeDocument(path, { old: true });
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  expect(() => writeDocument(path, circular)).toThrow(TypeError);
  expect(readDocument(path)).toEqual({ old: true });
  expect(readdirSync(folder)).toEqual(["state.json"]);
});
