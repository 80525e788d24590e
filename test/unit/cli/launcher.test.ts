import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const launcher = fileURLToPath(new URL("../../../bin/tsrun", import.meta.url));
const boot = fileURLToPath(new URL("../../../src/cli/boot.cjs", import.meta.url));

/** A program in place of node, which says what it was started with after the `--` that ends node's own options. */
const ECHO =
  '#!/bin/sh\n[ "$1" = -- ] && shift\nname=$1; shift; echo "$(basename "$0") $(basename "$name") $*"\n';

let checkout: string;
const put = (path: string, content: string) => {
  const file = join(checkout, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, content);
  chmodSync(file, 0o755);
};
const start = (program: string, ...argv: string[]) =>
  spawnSync(program, argv, { encoding: "utf8", env: { PATH: `${checkout}/path:/usr/bin:/bin` } });

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), "tsrun-launcher-"));
  mkdirSync(join(checkout, "bin"));
  copyFileSync(launcher, join(checkout, "bin/tsrun"));
});
afterEach(() => rmSync(checkout, { recursive: true }));

describe("bin/tsrun", () => {
  it("says what to do where nothing is built", () => {
    const { status, stderr } = start(join(checkout, "bin/tsrun"));
    expect(status).toBe(125);
    expect(stderr).toMatch(/^tsrun: not built yet: run .*scripts\/setup$/m);
  });

  it("prefers the checkout's node to the user's and passes arguments on", () => {
    put("dist/cli.cjs", "");
    put("path/node", ECHO.replace("echo ", "echo user "));
    expect(start(join(checkout, "bin/tsrun"), "ps", "a b").stdout).toBe("user node cli.cjs ps a b\n");
    put("node_modules/.bin/node", ECHO);
    expect(start(join(checkout, "bin/tsrun"), "ps", "a b").stdout).toBe("node cli.cjs ps a b\n");
  });

  it("finds the checkout through a symbolic link", () => {
    put("dist/cli.cjs", "");
    put("node_modules/.bin/node", ECHO);
    mkdirSync(join(checkout, "path"));
    symlinkSync("../bin/tsrun", join(checkout, "path/tsrun"));
    expect(start(join(checkout, "path/tsrun"), "--version").stdout).toBe("node cli.cjs --version\n");
  });
});

describe("boot.cjs", () => {
  it("refuses a node that is too old", () => {
    const asOld = `Object.defineProperty(process.versions, "node", { value: "22.14.0" }); require(${JSON.stringify(boot)});`;
    const { status, stderr } = spawnSync(process.execPath, ["-e", asOld], { encoding: "utf8" });
    expect(status).toBe(125);
    expect(stderr).toContain("tsrun: node 22.14.0 is too old: tsrun needs 22.15 or newer\n");
  });
});
