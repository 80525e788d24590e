import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { prepareBindSources } from "../../../src/engine/bind-sources.ts";

describe("prepareBindSources", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tsrun-bind-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const bind = (name: string, sourceMustExist: boolean) =>
    ({
      type: "bind",
      source: join(directory, name),
      target: "/x",
      readOnly: false,
      sourceMustExist,
    }) as const;

  test("-v makes a missing directory and leaves what is there", () => {
    writeFileSync(join(directory, "file"), "x");
    prepareBindSources([bind("a/b", false), bind("file", false), bind("file", true)]);
    expect(statSync(join(directory, "a/b")).isDirectory()).toBe(true);
    expect(statSync(join(directory, "file")).size).toBe(1);
  });

  test("--mount refuses, and then nothing is made for the others either", () => {
    expect(() => prepareBindSources([bind("a", false), bind("b", true)])).toThrow(
      `invalid mount config for type "bind": bind source path does not exist: ${join(directory, "b")}`,
    );
    expect(existsSync(join(directory, "a"))).toBe(false);
  });
});
