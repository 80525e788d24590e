import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const checkout = fileURLToPath(new URL("../../..", import.meta.url));
let tree: string;

beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), "tsrun-lint-"));
  mkdirSync(join(tree, "scripts"));
  cpSync(join(checkout, "scripts/lint.jsonc"), join(tree, "scripts/lint.jsonc"));
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

/** What the import rules say of one line in a file at `path`; empty where they allow it. */
function complaint(path: string, line: string): string {
  const file = join(tree, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${line}\n`);
  const args = ["lint", "--config-path=scripts/lint.jsonc", "--vcs-enabled=false"];
  const only = "--only=style/noRestrictedImports";
  const biome = spawnSync(join(checkout, "node_modules/.bin/biome"), [...args, only, path], {
    cwd: tree,
    encoding: "utf8",
  });
  rmSync(file);
  expect(biome.stderr).toContain("Checked 1 file");
  return biome.status === 0 ? "" : biome.stderr;
}

describe("the lint rules on imports", () => {
  it.each([
    ["src/kernel/x.ts", 'import "../store/blobs.ts";', "boundary to the kernel"],
    ["src/store/x.ts", 'import "../image/pull.ts";', "src/kernel only"],
    ["src/store/x.ts", 'import type { EngineApi } from "../engine/api.ts";', "src/kernel only"],
    ["src/image/x.ts", 'import "../network/bridge.ts";', "know nothing of each other"],
    ["src/network/x.ts", 'import "../runtime/plan/plan.ts";', "know nothing of each other"],
    ["src/runtime/plan/x.ts", 'export { pull } from "../../image/pull.ts";', "know nothing of each other"],
    ["src/runtime/plan/x.ts", 'import "../../engine/types.ts";', "know nothing of each other"],
    ["src/engine/x.ts", 'await import("../cli/main.ts");', "serves every face alike"],
    ["src/engine/x.ts", 'import "../index.ts";', "serves every face alike"],
    ["src/engine/x.ts", 'import "../build/build.ts";', "serves every face alike"],
    ["src/build/x.ts", 'import "../cli/main.ts";', "stands on the engine"],
    ["src/build/steps/x.ts", 'import "../../oci/create.ts";', "stands on the engine"],
    ["src/build/dockerfile/x.ts", 'import "../../engine/types.ts";', "a language and nothing else"],
    ["src/build/x.ts", 'import { spawn } from "node:child_process";', "started by a Plan"],
    ["src/cli/commands/x.ts", 'import "../../api/server.ts";', "side by side"],
    ["src/store/x.ts", 'import koffi from "koffi";', "FFI stays in src/kernel"],
    ["src/x.ts", 'import koffi from "koffi";', "FFI stays in src/kernel"],
    ["src/cli/x.ts", 'import { spawn } from "node:child_process";', "started by a Plan"],
    ["src/kernel/x.ts", 'import { spawn } from "child_process";', "started by a Plan"],
    ["src/engine/x.ts", 'import { execFile } from "node:child_process";', "started by a Plan"],
    ["src/engine/host-ps.ts", 'import "../cli/main.ts";', "serves every face alike"],
    ["src/image/x.ts", 'await import("node:child_process");', "started by a Plan"],
    ["src/image/credential-helper.ts", 'import "../runtime/launch.ts";', "know nothing of each other"],
  ])("%s may not say %s", (path, line, reason) => {
    expect(complaint(path, line)).toContain(reason);
  });

  it.each([
    ["src/kernel/x.ts", 'import koffi from "koffi";'],
    ["src/store/x.ts", 'import "../kernel/mount.ts";'],
    ["src/runtime/plan/x.ts", 'import "../../store/paths.ts";'],
    ["src/runtime/x.ts", 'import "./network/namespace.ts";'],
    ["src/engine/x.ts", 'import "../runtime/launch.ts";'],
    ["src/engine/host-ps.ts", 'import { execFile } from "node:child_process";'],
    ["src/image/credential-helper.ts", 'await import("node:child_process");'],
    ["src/build/context/git-program.ts", 'await import("node:child_process");'],
    ["src/cli/commands/x.ts", 'import "../../engine/engine.ts";'],
    ["src/cli/x.ts", 'import "../errors.ts";'],
    ["test/x.ts", 'import { spawn } from "node:child_process";'],
  ])("%s may say %s", (path, line) => {
    expect(complaint(path, line)).toBe("");
  });

  it("leaves no other way to koffi: its name is loaded in src/kernel/ffi.ts alone", () => {
    const loaders = readdirSync(join(checkout, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .filter((file) => /\("koffi"\)/.test(readFileSync(join(checkout, "src", file), "utf8")));
    expect(loaders).toEqual(["kernel/ffi.ts"]);
  });
});
