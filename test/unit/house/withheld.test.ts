/** What an ordinary user cannot be shown is a row of docs/rootless.md, and a test that there is. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { attacks } from "../../e2e/attacks/all.ts";
import { documentedReasons, withheld } from "../../support/withheld.ts";

const PLAIN = new Set([
  "other programs that need root",
  "the test needs root for itself",
  "that an attack is one is shown as root",
]);

test.each(withheld)("$file: $test", ({ file, test: name, because }) => {
  if (!PLAIN.has(because)) expect(documentedReasons()).toContain(because);
  const text = readFileSync(new URL(`../../e2e/${file}.test.ts`, import.meta.url), "utf8");
  // The name of a test.each() is made of its data.
  const isWritten =
    name === undefined ||
    text.includes(name) ||
    attacks.some((attack) => attack.name === name) ||
    name.startsWith("[") ||
    /tsrun (network ls|run -d)/.test(name);
  expect(isWritten).toBe(true);
});
