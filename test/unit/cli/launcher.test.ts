import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
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

  describe("keeps what a command needs, compiled", () => {
    const run = (...argv: string[]) => start(process.execPath, join(checkout, "dist/cli.cjs"), ...argv);
    const cache = () => join(checkout, "dist/cache");
    const kept = () =>
      existsSync(cache()) ? readdirSync(cache()).map((name) => name.replace(/-.*/, "")) : [];
    const pathOf = (command: string) =>
      join(cache(), readdirSync(cache()).find((name) => name.startsWith(`${command}-`)) ?? "");
    const sizeOf = (command: string) => statSync(pathOf(command)).size;
    const main = (argument = 2) =>
      `(function (need, later, require, url) {"use strict";
return [
() => {
  const { print } = need(1);
  print(process.argv[${argument}], url);
  if (process.argv[4] === "more") later(2).then(({ more }) => print(more));
  if (process.argv[4] === "all") [4, 5, 6, 7].forEach(need);
  process.exitCode = Number(process.argv[3] ?? 0);
},
() => ({ print: (...texts) => console.log(...texts, require("node:path").sep) }),
() => ({ more: "more than usual" }),
() => ({ never: "${"never ".repeat(1000)}" }),
${"() => ({}),\n".repeat(4)}
]})`;
    /** Other content with the same time: what is told from the file no longer comes from it. */
    const replaceMain = (content: string) => {
      const { mtime } = statSync(join(checkout, "dist/main.cjs"));
      put("dist/main.cjs", content);
      utimesSync(join(checkout, "dist/main.cjs"), mtime, mtime);
    };

    beforeEach(() => {
      mkdirSync(join(checkout, "dist"));
      copyFileSync(boot, join(checkout, "dist/cli.cjs"));
      put("dist/main.cjs", main());
      utimesSync(join(checkout, "dist/main.cjs"), 1000, 1000);
    });

    it("its chunks first, then their code, and reads nothing else from then on", () => {
      const first = run("exec");
      expect(first.stdout).toBe(`exec file://${join(checkout, "dist/main.cjs")} /\n`);
      expect(run("run", "0").status).toBe(0);
      expect(kept().sort()).toEqual(["exec", "main.cjs", "run"]);
      const chunks = sizeOf("exec");
      expect(chunks).toBeLessThan(main().length);
      expect(run("exec")).toMatchObject({ status: 0, stdout: first.stdout, stderr: "" });
      expect(sizeOf("exec")).toBeGreaterThan(chunks);
      replaceMain("nobody reads this");
      expect(run("exec")).toMatchObject({ status: 0, stdout: first.stdout, stderr: "" });
      expect(run("ps").status).not.toBe(0);
    });

    it("with chunks that it needs later", () => {
      for (const _ of [1, 2]) run("exec", "0");
      expect(run("exec", "0", "more").stdout).toContain("\nmore than usual /\n");
      replaceMain("nobody reads this");
      expect(run("exec", "0", "more").stdout).toContain("\nmore than usual /\n");
    });

    it("apart what only some of its calls need, which the others do not read", () => {
      run("exec", "0", "more");
      expect(kept().sort()).toEqual(["exec", "main.cjs"]);
      run("exec", "0");
      expect(kept().sort()).toEqual(["exec", "exec", "main.cjs"]);
      const more = `${pathOf("exec").replace(/-more$/, "")}-more`;
      const chunks = statSync(more).size;
      replaceMain("nobody reads this");
      for (const _ of [1, 2]) expect(run("exec", "0").stdout).toMatch(/^exec /);
      expect(statSync(more).size).toBe(chunks);
      for (const _ of [1, 2]) expect(run("exec", "0", "more").stdout).toContain("\nmore than usual /\n");
      expect(statSync(more).size).toBeGreaterThan(chunks);
      writeFileSync(more, "");
      expect(run("exec", "0").stdout).toMatch(/^exec /);
    });

    it("and adds there what they need besides", () => {
      for (const what of ["more", "none", "all"]) expect(run("exec", "0", what).status).toBe(0);
      replaceMain("nobody reads this");
      for (const what of ["more", "none", "all"])
        expect(run("exec", "0", what)).toMatchObject({ status: 0, stderr: "" });
    });

    it("together with what calls of another kind do not need", () => {
      run("exec", "0", "all");
      run("exec", "0", "more");
      const size = sizeOf("exec");
      run("exec", "0");
      expect(kept().sort()).toEqual(["exec", "main.cjs"]);
      expect(sizeOf("exec")).toBeGreaterThanOrEqual(size);
    });

    it("only of what succeeded, and not of help", () => {
      expect(run("exec", "3").status).toBe(3);
      run("exec", "0", "--help");
      run("--debug");
      expect(kept()).toEqual(["main.cjs"]);
    });

    it("not beyond a change of the file, whatever its length", () => {
      for (const _ of [1, 2]) expect(run("exec").stdout).toContain("exec");
      put("dist/main.cjs", main(3));
      utimesSync(join(checkout, "dist/main.cjs"), 1, 1);
      expect(run("exec", "0").stdout).toMatch(/^0 /);
    });

    it.each([
      ["exec", ["exec"], 0],
      ["main.cjs", ["ps", "3"], 3],
    ])("and makes %s anew where it was damaged", (name, argv, status) => {
      for (const _ of [1, 2]) run("exec");
      const path = pathOf(name);
      const whole = readFileSync(path);
      const withoutCode = Buffer.concat([whole.subarray(0, 16), Buffer.alloc(64), whole.subarray(80)]);
      for (const damaged of [Buffer.alloc(whole.length), whole.subarray(0, -1), withoutCode]) {
        writeFileSync(path, damaged);
        for (const _ of name === "exec" ? [1, 2] : [1])
          expect(run(...argv)).toMatchObject({ status, stderr: "" });
        expect(Math.abs(statSync(path).size - whole.length)).toBeLessThan(200);
      }
    });
  });
});
