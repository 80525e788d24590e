import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CgroupLocation } from "../../../src/oci/cgroup-location.ts";
import { parseSubCgroups, subCgroupDirectories } from "../../../src/oci/sub-cgroups.ts";

describe("parseSubCgroups", () => {
  test.each([
    [[], []],
    [["a/b"], [["", "a/b"]]],
    [
      ["cpu,cpuacct:x", "memory:y"],
      [
        ["cpu", "x"],
        ["cpuacct", "x"],
        ["memory", "y"],
      ],
    ],
  ])("%j", (words, expected) => {
    expect([...parseSubCgroups(words)]).toEqual(expected);
  });

  test.each([[["a", "b"]], [[":a"]], [["cpu:a", "cpu:b"]]])("refuses %j", (words) => {
    expect(() => parseSubCgroups(words)).toThrow("invalid --cgroup argument");
  });
});

describe("subCgroupDirectories", () => {
  let root: string;
  let location: CgroupLocation;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "sub-cgroups-"));
    const roots = {
      cpu: `${root}/cpu`,
      cpuacct: `${root}/cpu`,
      memory: `${root}/memory`,
      "": `${root}/unified`,
    };
    location = { version: 1, roots, path: "/c" };
    for (const path of ["cpu/c/x", "memory/c/x", "memory/c/y", "unified/c"]) {
      mkdirSync(join(root, path), { recursive: true });
    }
  });
  afterAll(() => rmSync(root, { recursive: true }));
  const directories = (...words: string[]) =>
    Object.fromEntries(subCgroupDirectories(location, parseSubCgroups(words)));

  test("one path for all, but for a hierarchy without controllers that lacks it", () => {
    expect(directories("x")).toEqual({
      cpu: `${root}/cpu/c/x`,
      cpuacct: `${root}/cpu/c/x`,
      memory: `${root}/memory/c/x`,
      "": `${root}/unified/c`,
    });
  });

  test("a path per controller; those that are mounted together go together", () => {
    expect(directories("cpu:x", "memory:y")).toMatchObject({
      cpu: `${root}/cpu/c/x`,
      cpuacct: `${root}/cpu/c/x`,
      memory: `${root}/memory/c/y`,
      "": `${root}/unified/c`,
    });
  });

  test("nothing above the container's, nothing that is not there, no controller that is unknown", () => {
    expect(() => directories("..")).toThrow("bad sub cgroup path: ..");
    expect(() => directories("x/../../c2")).toThrow("bad sub cgroup path");
    expect(() => directories("memory:z")).toThrow("no such file or directory");
    expect(() => directories("nonsense:/")).toThrow("unknown controller nonsense");
  });
});
