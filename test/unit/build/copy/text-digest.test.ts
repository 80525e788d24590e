import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { textDigest } from "../../../../src/build/copy/text-digest.ts";

test.each([0, 1, 100, 5000])("of %i pieces is that of the whole", (count) => {
  const pieces = Array.from({ length: count }, (_, index) => `${index} é 🐳 ${"x".repeat(400)}\n`);
  const digest = textDigest();
  for (const piece of pieces) digest.update(piece);
  expect(digest.digest()).toBe(createHash("sha256").update(pieces.join("")).digest("hex"));
});
