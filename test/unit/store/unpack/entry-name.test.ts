import { describe, expect, test } from "vitest";
import { entryName, relativePath } from "../../../../src/store/unpack/entry-name.ts";

describe("relativePath", () => {
  test.each([
    ["etc/passwd", "etc/passwd"],
    ["./etc/passwd", "etc/passwd"],
    ["./", ""],
    [".", ""],
    ["", ""],
    ["etc/", "etc"],
    ["a//b/./c///", "a/b/c"],
    ["././/a", "a"],
    ["..a/b../...", "..a/b../..."],
    [".hidden", ".hidden"],
  ])("%j is %j", (name, path) => {
    expect(relativePath(name)).toBe(path);
  });

  test.each(["/etc/passwd", "/", "//x", "..", "../x", "a/../../x", "a/..", "./../x", "a\0b"])(
    "%j is refused",
    (name) => {
      expect(() => relativePath(name)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_LAYER_REFUSED" }));
    },
  );
});

describe("entryName", () => {
  test.each([
    ["etc/.wh.passwd", { kind: "whiteout", parent: "etc", base: "passwd" }],
    [".wh.etc", { kind: "whiteout", parent: "", base: "etc" }],
    ["./etc/.wh..wh..opq", { kind: "opaque", parent: "etc", base: ".wh..wh..opq" }],
    ["etc/a.wh.b", { kind: "entry", parent: "etc", base: "a.wh.b" }],
    [".wh..hidden", { kind: "whiteout", parent: "", base: ".hidden" }],
    [".wh....", { kind: "whiteout", parent: "", base: "..." }],
  ])("%j", (name, expected) => {
    expect(entryName(name)).toEqual(expected);
  });

  test.each([".wh..wh.aufs", ".wh..wh.plnk/1.2", "a/.wh..wh.orph/"])("%j is aufs's", (name) => {
    expect(entryName(name).kind).toBe("ignored");
  });

  test.each([".wh.", ".wh..", ".wh...", "a/.wh...", ".wh.a/b"])("%j is refused", (name) => {
    expect(() => entryName(name)).toThrow(expect.objectContaining({ code: "ERR_TSRUN_LAYER_REFUSED" }));
  });
});
