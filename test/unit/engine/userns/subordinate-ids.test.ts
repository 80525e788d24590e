import { expect, test } from "vitest";
import { common, consecutive, spansOf } from "../../../../src/engine/userns/subordinate-ids.ts";

const FILE =
  "anna:100000:65536\nbert:200000:1000\n1000:300000:10\nanna:400000:5\n\n#anna:1:1\nanna:x:5\nanna:4294967290:10\nanna:5:0\n";

test("a user's lines are by name or number; what is no range is none", () => {
  expect(spansOf(FILE, { name: "anna", id: 1000 })).toEqual([
    { first: 100000, count: 65536 },
    { first: 300000, count: 10 },
    { first: 400000, count: 5 },
  ]);
  expect(spansOf(FILE, { name: "carl", id: undefined })).toEqual([]);
});

test("no id twice, whatever the lines: of what overlaps the larger part outside", () => {
  const lines = ["100000:65536", "100000:65536", "150000:65536", "90000:20000", "95000:300000", "110000:5"];
  expect(spansOf(lines.map((line) => `anna:${line}`).join("\n"), { name: "anna", id: undefined })).toEqual([
    { first: 100000, count: 65536 },
    { first: 165536, count: 50000 },
    { first: 90000, count: 10000 },
    { first: 215536, count: 179464 },
  ]);
});

test("several ranges are one after the other inside", () => {
  expect(consecutive(spansOf(FILE, { name: "anna", id: undefined }))).toEqual([
    { containerID: 0, hostID: 100000, size: 65536 },
    { containerID: 65536, hostID: 400000, size: 5 },
  ]);
});

test("what two lists have in common", () => {
  const some = [
    { first: 0, count: 10 },
    { first: 20, count: 10 },
  ];
  expect(common(some, [{ first: 5, count: 20 }])).toEqual([
    { first: 5, count: 5 },
    { first: 20, count: 5 },
  ]);
  expect(common(some, [{ first: 10, count: 10 }])).toEqual([]);
});
