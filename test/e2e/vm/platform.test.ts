/** Images for another processor, seen in a virtual machine: platform.sh runs there and tells. */
import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { REPOSITORY } from "../../support/cli.ts";

const ALPINE = resolve(REPOSITORY, "..", "shared", "images", "alpine-minirootfs-3.20.3-aarch64.tar.gz");
const files = mkdtempSync(join(tmpdir(), "tsrun-platform-"));
const seen = new Map<string, string>();

beforeAll(async () => {
  const source =
    "#include <stdio.h>\n#include <sys/utsname.h>\nint main(void) { struct utsname u; uname(&u); return puts(u.machine) < 0; }";
  const compile = ["-O1", "-static", "-x", "c", "-", "-o", join(files, "hello")];
  execFileSync("aarch64-linux-gnu-gcc", compile, { input: source });
  execFileSync("tar", ["-C", files, "-cf", join(files, "hello.tar"), "hello"]);
  if (existsSync(ALPINE)) copyFileSync(ALPINE, join(files, "alpine.tar.gz"));
  const [vm, job] = [join(REPOSITORY, "scripts/vm"), join(REPOSITORY, "test/e2e/vm/platform.sh")];
  const { stdout, stderr } = await promisify(execFile)(vm, [job, files], { cwd: REPOSITORY });
  for (const line of stdout.split("\n")) {
    const [, name, value] = /^(.+?): ?(.*)$/.exec(line) ?? [];
    if (name !== undefined) seen.set(name, value ?? "");
  }
  process.stderr.write(stderr);
});
afterAll(() => rmSync(files, { recursive: true }));

test("without an emulator it says which is missing, and how to get it", () => {
  for (const name of ["without binfmt_misc", "without an emulator"]) {
    expect(seen.get(name)).toContain("/hello is built for arm64, but this host is amd64");
    expect(seen.get(name)).toContain("no emulator for it (qemu-aarch64) is registered with the kernel");
    expect(seen.get(name)).toContain("apt-get install qemu-user-static binfmt-support");
  }
});

test("an emulator that the container does not have is named", () => {
  expect(seen.get("looked for in the container")).toMatch(
    /its emulator \/usr\/bin\/qemu-aarch64-static is registered without the flag F/,
  );
});

test("with an emulator it runs", () => {
  expect(seen.get("asked for")).toBe("aarch64 ");
});

test("a platform that nobody asked for is pointed out", () => {
  const warning =
    "WARNING: The requested image's platform (linux/arm64) does not match the detected host platform (linux/amd64) " +
    "and no specific platform was requested";
  expect(seen.get("not asked for")).toBe(`${warning} aarch64 `);
  expect(seen.get("created")).toBe(warning);
});

test("a RUN for another processor says what it lacks, and is emulated where that is possible", () => {
  expect(seen.get("built without an emulator")).toMatch(
    /RUN \["\/hello"\].*\/hello is built for arm64, but this host is amd64.*qemu-aarch64/,
  );
  expect(seen.get("built")).toMatch(/ \d+\.\d+ aarch64 .* naming to docker.io\/library\/built/);
  expect(seen.get("its platform")).toBe("linux/arm64");
  expect(seen.get("what it is of")).toBe("for arm64 on x86_64");
});

test.runIf(existsSync(ALPINE))("Alpine for arm64 is built upon", () => {
  expect(seen.get("built of alpine")).toBe("aarch64 aarch64 app ");
});

test.runIf(existsSync(ALPINE))("Alpine for arm64 runs", () => {
  expect(seen.get("alpine")).toBe("aarch64 3.20.3 aarch64 ");
});
