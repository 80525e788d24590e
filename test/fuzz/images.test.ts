/** What registries and users send about images: an answer or an error with a code, never another exception. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../src/image/config-document.ts";
import { MANIFEST_TYPES, parseManifest } from "../../src/image/manifest.ts";
import { canonicalName, familiarName, parseReference } from "../../src/image/reference.ts";
import { corpus, effort, mutated, refusedOr } from "./mutations.ts";

const { timeout, ...runs } = effort(1000);

describe("references", () => {
  const seeds = corpus("reference").flatMap((file) =>
    file
      .toString()
      .trimEnd()
      .split("\n")
      .map((line) => Buffer.from(line)),
  );
  const words = [
    "/",
    ":",
    "@",
    ".",
    "..",
    "__",
    "--",
    "sha256:",
    "localhost",
    "docker.io/",
    "library/",
    "[::1]:",
  ];

  test("a name that is accepted names the same image however it is written", { timeout }, () => {
    const property = fc.property(mutated(seeds, words), (input) => {
      const reference = refusedOr(() => parseReference(input.toString()));
      if (reference === undefined) return;
      // Where a digest says which image it is, names do without the tag.
      const named = reference.digest === undefined ? reference : { ...reference, tag: undefined };
      expect(parseReference(canonicalName(reference))).toEqual(named);
      expect(parseReference(familiarName(reference))).toEqual(named);
    });
    fc.assert(property, runs);
  });
});

describe("documents", () => {
  const words = [
    '"layers"',
    '"manifests"',
    '"config"',
    '"digest"',
    "null",
    "[]",
    "{}",
    "-1",
    "1e99",
    '"\\u0000"',
  ];

  test("manifests", { timeout }, () => {
    const types = fc.constantFrom(...MANIFEST_TYPES, "text/html", "", "application/json; charset=utf-8");
    const property = fc.property(mutated(corpus("manifest"), words), types, (input, type) => {
      const parsed = refusedOr(() => parseManifest(input, type));
      const descriptors = parsed?.kind === "manifest" ? [parsed.config, ...parsed.layers] : parsed?.manifests;
      for (const { digest, size } of descriptors ?? []) {
        expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
        expect(Number.isSafeInteger(size) && size >= 0).toBe(true);
      }
    });
    fc.assert(property, runs);
  });

  test("configurations", { timeout }, () => {
    const property = fc.property(mutated(corpus("configuration"), words), (input) => {
      const parsed = refusedOr(() => parseConfiguration(input));
      for (const text of [...(parsed?.config.Env ?? []), ...(parsed?.config.Cmd ?? [])])
        expect(typeof text).toBe("string");
    });
    fc.assert(property, runs);
  });
});
