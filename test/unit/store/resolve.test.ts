import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readFileInLayers, statInLayers } from "../../../src/store/resolve.ts";

let folder: string;
let layers: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "resolve-"));
  layers = ["top", "middle", "bottom"].map((name) => join(folder, name));
  for (const layer of layers) mkdirSync(layer);
  writeFileSync(join(folder, "secret"), "host");
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(layer: number, path: string, text: string): void {
  const full = join(layers[layer] as string, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
}

function link(layer: number, path: string, target: string): void {
  const full = join(layers[layer] as string, path);
  mkdirSync(dirname(full), { recursive: true });
  symlinkSync(target, full);
}

const read = (path: string) => readFileInLayers(layers, path, 1000)?.toString();

test("the topmost layer that has a file decides; directories merge", () => {
  file(2, "etc/passwd", "bottom");
  file(2, "etc/group", "group");
  file(0, "etc/passwd", "top");
  expect(read("/etc/passwd")).toBe("top");
  expect(read("etc/group")).toBe("group");
  expect(read("/etc/none")).toBeUndefined();
  expect(read("/etc")).toBeUndefined();
});

test("a file above a directory hides what is in it", () => {
  file(2, "srv/data", "lower");
  file(1, "srv", "now a file");
  expect(read("/srv/data")).toBeUndefined();
  expect(read("/srv")).toBe("now a file");
  expect(read("/srv/")).toBeUndefined();
});

test("a directory above a file does not merge with what is below that", () => {
  file(2, "a/old", "old");
  file(1, "a", "file");
  file(0, "a/new", "new");
  expect(read("/a/new")).toBe("new");
  expect(read("/a/old")).toBeUndefined();
});

describe("symbolic links", () => {
  test("absolute ones start at the container's root, across layers", () => {
    link(2, "bin", "usr/bin");
    file(1, "usr/bin/sh", "shell");
    link(0, "sh", "/bin/sh");
    expect(read("/sh")).toBe("shell");
    expect(statInLayers(layers, "/sh")?.path).toBe("/usr/bin/sh");
  });

  test("none leads out", () => {
    link(0, "up", "../../../../secret");
    link(0, "abs", join(folder, "secret"));
    link(0, "dir", "../..");
    expect(read("/up")).toBeUndefined();
    expect(read("/abs")).toBeUndefined();
    expect(read("/dir/secret")).toBeUndefined();
    expect(read("../secret")).toBeUndefined();
    file(0, "secret", "inside");
    expect(read("/up")).toBe("inside");
    expect(read("../secret")).toBe("inside");
  });

  test("'..' after a link goes up from where the link led", () => {
    file(0, "a/b/f", "f");
    file(0, "a/g", "g");
    link(0, "l", "a/b");
    expect(read("/l/../g")).toBe("g");
  });

  test("a loop ends", () => {
    link(0, "x", "y");
    link(0, "y", "x");
    expect(read("/x")).toBeUndefined();
    expect(statInLayers(layers, "/x/z")).toBeUndefined();
  });
});

test("no more than asked for is read", () => {
  file(0, "big", "0123456789");
  expect(readFileInLayers(layers, "/big", 4)?.toString()).toBe("0123");
});

test("the root, and layers that are not there", () => {
  expect(statInLayers(layers, "/")).toMatchObject({ path: "/" });
  expect(statInLayers([join(folder, "gone")], "/")).toBeUndefined();
  expect(statInLayers(layers, "a\0b")).toBeUndefined();
});
