import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { historyOf } from "../../../src/engine/new-image.ts";
import { putBlob } from "../../../src/store/blobs.ts";
import { digestOf } from "../../../src/store/digest.ts";

const directory = mkdtempSync(join(tmpdir(), "tsrun-history-"));
const paths = { root: join(directory, "root"), run: join(directory, "run") };
afterAll(() => rmSync(directory, { recursive: true }));

function historyIn(history: unknown): ReturnType<typeof historyOf> {
  const bytes = Buffer.from(JSON.stringify({ history }));
  putBlob(paths, digestOf(bytes), bytes);
  return historyOf(paths, digestOf(bytes), ["sha256:one"]);
}

test("a history with an entry for each layer is told as it is", () => {
  const history = [
    { created_by: "ADD", comment: null },
    { created_by: "CMD", empty_layer: true },
  ];
  expect(historyIn(history)).toEqual(history);
});

test.each([
  ["a string", "text"],
  ["an object", {}],
  ["null", null],
  ["entries that are null", [null]],
  ["entries that are lists", [[]]],
  ["a number for a time", [{ created: 5 }]],
  ["an object for a command", [{ created_by: {} }]],
  ["too many entries", [{}, {}]],
])("%s is no history: a line without words stands for each layer", (_, history) => {
  expect(historyIn(history)).toEqual([{}]);
});
