import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const launcher = fileURLToPath(new URL("../../../bin/tsrun", import.meta.url));
const boot = fileURLToPath(new URL("../../../src/cli/boot.cjs", import.meta.url));

/** A program in place of node, which says what it was started with after node's own options. */
const ECHO = `#!/bin/sh
while [ "$1" != "\${1#-}" ]; do shift; done
name=$1; shift; echo "$(basename "$0") $(basename "$name") $*"
`;

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

  describe("keeps compiled code", () => {
    const run = (...argv: string[]) => start(process.execPath, join(checkout, "dist/cli.cjs"), ...argv);
    const kept = () =>
      readdirSync(join(checkout, "dist/cache"), { withFileTypes: true }).flatMap((entry) =>
        entry.isFile() ? [entry.name.replace(/-.*/, "")] : [],
      );
    const main = (argument = 2) =>
      `(function (exports, require, module, __filename, __dirname) {
        console.log(process.argv[${argument}], __filename, require('node:path').sep);
        process.exitCode = Number(process.argv[3] ?? 0);
      })`;

    beforeEach(() => {
      mkdirSync(join(checkout, "dist"));
      copyFileSync(boot, join(checkout, "dist/cli.cjs"));
      put("dist/main.cjs", main());
    });

    it("of each command, and runs the same from it", () => {
      const first = run("exec");
      expect(first.stdout).toBe(`exec ${join(checkout, "dist/main.cjs")} /\n`);
      expect(run("run", "0").status).toBe(0);
      expect(kept()).toEqual(["exec", "run"]);
      expect(run("exec")).toMatchObject({ status: 0, stdout: first.stdout, stderr: "" });
    });

    it("only of what succeeded, and not of help", () => {
      expect(run("exec", "3").status).toBe(3);
      run("exec", "0", "--help");
      run("--debug");
      expect(existsSync(join(checkout, "dist/cache"))).toBe(false);
    });

    it("not beyond a change of the file, whatever its length", () => {
      expect(run("exec").stdout).toContain("exec");
      put("dist/main.cjs", main(3));
      utimesSync(join(checkout, "dist/main.cjs"), 1, 1);
      expect(run("exec", "0").stdout).toMatch(/^0 /);
    });

    it("and compiles anew where what was kept is not V8's", () => {
      run("exec");
      const [name = ""] = readdirSync(join(checkout, "dist/cache")).filter((entry) => /^exec-/.test(entry));
      const size = statSync(join(checkout, "dist/cache", name)).size;
      for (const damaged of [Buffer.alloc(0), Buffer.alloc(size)]) {
        writeFileSync(join(checkout, "dist/cache", name), damaged);
        expect(run("exec")).toMatchObject({ status: 0, stderr: "" });
        expect(statSync(join(checkout, "dist/cache", name)).size).toBe(size);
      }
    });
  });
});
