import { describe, expect, test } from "vitest";
import { DockerfileError } from "../../../../src/build/dockerfile/error.ts";
import { hasWildcards, wildcardMatcher } from "../../../../src/build/dockerfile/glob/wildcard.ts";
import { excludeMatcher, ignoreMatcher } from "../../../../src/build/dockerfile/ignore.ts";

const ignored = (file: string, path: string): boolean => ignoreMatcher(file).ignores(path, false);

describe("one pattern", () => {
  test.each([
    ["node_modules", "node_modules/a/b", true],
    ["node_modules", "src/node_modules", false],
    ["**/node_modules", "a/b/node_modules/c", true],
    ["**/node_modules", "my_node_modules", false],
    ["/dist/", "dist/a", true],
    ["./dist/../out", "out", true],
    ["*.log", "a.log", true],
    ["*.log", "a/b.log", false],
    ["**/*.log", "b.log", true],
    ["a?c", "abc", true],
    ["a?c", "a/c", false],
    ["[a-c]x", "bx", true],
    ["[^a-c]x", "bx", false],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["**log", "catalog", true],
    ["**log*", "catalog", false],
    ["a/**/z", "a/z", true],
    ["a/**/z", "a/b/c/z", true],
    ["a/**", "a", false],
    [".", "a", false],
    ["**", "a/b", true],
    ["a.b", "axb", false],
    ["  a  ", "a", true],
    ["# a", "# a", false],
  ])("%j on %s: %s", (pattern, path, expected) => {
    expect(ignored(pattern, path)).toBe(expected);
  });
});

describe("several", () => {
  test("the last one that matches decides", () => {
    expect(ignored("*.md\n!README.md", "README.md")).toBe(false);
    expect(ignored("!README.md\n*.md", "README.md")).toBe(true);
    expect(ignored("*\n! /src\nsrc/secret", "src/a")).toBe(false);
    expect(ignored("*\n! /src\nsrc/secret", "src/secret/b")).toBe(true);
  });

  test("which directories have to be looked through although they are left out", () => {
    const matcher = ignoreMatcher("docs\nbuild\n!docs/api/README.md\n!**/*.txt");
    expect(matcher.ignores("docs", true)).toBe(true);
    expect(matcher.mayHaveExceptionsBelow("docs")).toBe(true);
    expect(ignoreMatcher("docs\nbuild\n!docs/api/*.md").mayHaveExceptionsBelow("build")).toBe(false);
    expect(ignoreMatcher("docs\n!docs/api/*.md").mayHaveExceptionsBelow("docs/api/v1")).toBe(false);
    expect(matcher.exceptions).toBe(true);
    expect(ignoreMatcher("docs").exceptions).toBe(false);
  });

  test("a wrong pattern is told with its line", () => {
    const wrong = (text: string) => () => ignoreMatcher(text, "web.dockerignore");
    expect(wrong("a\n!\n")).toThrow('web.dockerignore:2:1: illegal exclusion pattern: "!"');
    for (const text of ["[", "a[]b", "[z-a]", "[a-]", "x\\"]) expect(wrong(text)).toThrow(DockerfileError);
  });

  test("patterns of --exclude are the same", () => {
    expect(excludeMatcher(["*.o", "!keep.o"]).ignores("a.o", false)).toBe(true);
    expect(excludeMatcher(["*.o", "!keep.o"]).ignores("keep.o", false)).toBe(false);
  });
});

test("a pattern full of stars takes no longer than others", () => {
  const path = `${"a/".repeat(1000)}b`;
  expect(ignored(`${"**/a*".repeat(20)}c`, path)).toBe(false);
});

test("wildcards of COPY stay within a directory", () => {
  expect(wildcardMatcher("src/*.[ch]").matches("src/a.c")).toBe(true);
  expect(wildcardMatcher("src/*.[ch]").matches("src/a/b.c")).toBe(false);
  expect(wildcardMatcher("a\\*").matches("a*")).toBe(true);
  expect(["a*", "a?", "a[b]", "\\*", "a\\[", "a"].map(hasWildcards)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
