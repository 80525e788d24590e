import { describe, expect, it } from "vitest";
import { type CopyDestination, placeCopy, renamed, splitPath } from "../../../src/engine/copy-rules.ts";

const file = { base: "src", isDirectory: false };
const folder = { base: "src", isDirectory: true };
const at = (path: string, is?: "file" | "directory"): CopyDestination => ({
  path,
  exists: is !== undefined,
  isDirectory: is === "directory",
});

describe("splitPath", () => {
  it.each([
    ["/a/b", "/a", "b"],
    ["/a/b/", "/a", "b"],
    ["/a/b/.", "/a/b", "."],
    ["/a//b/../c", "/a", "c"],
    ["/a", "/", "a"],
    ["/", "/", "."],
    ["/.", "/", "."],
    ["a", ".", "a"],
  ])("%s", (path, directory, base) => {
    expect(splitPath(path)).toEqual({ directory, base });
  });
});

describe("placeCopy", () => {
  it.each([
    ["a file into a directory", file, at("/d", "directory"), { directory: "/d", name: undefined }],
    ["a directory into a directory", folder, at("/d/", "directory"), { directory: "/d/", name: undefined }],
    ["a file over a file", file, at("/d/f", "file"), { directory: "/d", name: "f" }],
    ["a file to a new name", file, at("/d/new"), { directory: "/d", name: "new" }],
    ["a directory to a new name", folder, at("/d/new"), { directory: "/d", name: "new" }],
    ["a directory to a new name with a slash", folder, at("/d/new/"), { directory: "/d", name: "new" }],
    ["a directory to new contents", folder, at("/d/new/."), { directory: "/d", name: "new" }],
  ])("%s", (_, source, destination, place) => {
    expect(placeCopy(source, destination)).toEqual(place);
  });

  it.each([
    ["a directory over a file", folder, at("/f", "file"), "cannot copy directory"],
    ["a file to a directory that is not there", file, at("/d/new/"), "no such directory"],
    ["a file to the contents of what is not there", file, at("/d/new/."), "no such directory"],
    ["a file to a file with a slash", file, at("/f/", "file"), "not a directory"],
  ])("refuses %s", (_, source, destination, message) => {
    const attempt = (): unknown => placeCopy(source, destination);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ code: "ERR_TSRUN_COPY_CONFLICT" }));
  });
});

describe("renamed", () => {
  it.each([
    ["etc", "etc", "conf", "conf"],
    ["etc/x", "etc", "conf", "conf/x"],
    ["etc2", "etc", "conf", "etc2"],
    ["", ".", "conf", "conf"],
    ["x/y", ".", "conf", "conf/x/y"],
  ])("%s, where %s is called %3$s", (path, base, name, expected) => {
    expect(renamed(path, { base, name })).toBe(expected);
  });
});
