/** The Makefile, whose compiler flags leave no warning, for both architectures. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NATIVE } from "./compile.ts";

const EM_X86_64 = 62;
const EM_AARCH64 = 183;
const PT_INTERP = 3;

const own = process.arch === "arm64" ? "aarch64" : "x86_64";
const machines = { x86_64: EM_X86_64, aarch64: EM_AARCH64 };
const isThere = (compiler: string): boolean => spawnSync(compiler, ["--version"]).status === 0;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-make-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** The ELF header's machine and whether a dynamic loader is asked for (elf(5)). */
function lookAt(file: string): { machine: number; isStatic: boolean } {
  const bytes = readFileSync(file);
  const [table, size, count] = [
    Number(bytes.readBigUInt64LE(32)),
    bytes.readUInt16LE(54),
    bytes.readUInt16LE(56),
  ];
  const types = Array.from({ length: count }, (_, index) => bytes.readUInt32LE(table + index * size));
  return { machine: bytes.readUInt16LE(18), isStatic: !types.includes(PT_INTERP) };
}

describe.each(["x86_64", "aarch64"] as const)("make ARCH=%s", (arch) => {
  const compiler = arch === own ? "gcc" : `${arch}-linux-gnu-gcc`;
  const available = isThere(compiler);

  // Elsewhere than in CI the cross compiler is nobody's duty; there its absence is a failure.
  test.skipIf(!available && process.env["CI"] !== "true")(
    available ? `with ${compiler}` : `needs ${compiler}, which is not installed here`,
    () => {
      const build = join(directory, arch);
      const args = ["-C", NATIVE, "--no-print-directory", `ARCH=${arch}`, `BUILD=${build}`];
      const { status, stdout, stderr } = spawnSync("make", args, { encoding: "utf8" });
      expect(stderr).toBe("");
      expect(status).toBe(0);
      for (const flag of ["-Wall", "-Wextra", "-Werror", "-std=c11"]) expect(stdout).toContain(` ${flag} `);
      expect(lookAt(join(build, "tsrun-monitor"))).toEqual({ machine: machines[arch], isStatic: true });
      expect(lookAt(join(build, "tsrun-init"))).toEqual({ machine: machines[arch], isStatic: true });
      expect(lookAt(join(build, "libtsrun.so")).machine).toBe(machines[arch]);
      expect(statSync(join(build, "tsrun-monitor")).size).toBeLessThan(4 * 1024 * 1024);
    },
    120_000,
  );
});
