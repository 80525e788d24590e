/**
 * Builds small C programs around parts of native/, with the sanitizers where the compiler has them, or for valgrind(1)
 * where TSRUN_TEST_VALGRIND is set.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const NATIVE = fileURLToPath(new URL("../../../native", import.meta.url));

const WARNINGS = ["-Wall", "-Wextra", "-Werror"];
const SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

const VALGRIND = process.env["TSRUN_TEST_VALGRIND"] !== undefined;

/** Leaks are not looked for: that needs ptrace(2), which a monitor forbids. */
export const SANITIZER_ENVIRONMENT = { ...process.env, ASAN_OPTIONS: "detect_leaks=0:abort_on_error=1" };

export interface Workshop extends Disposable {
  directory: string;
  /** The program's path; `include` is the folder of its headers; `sources` are files of native/, `main` is C text. Throws what the compiler says. */
  compile(name: string, parts: { sources: readonly string[]; main?: string; include?: string }): string;
}

export function openWorkshop(): Workshop {
  const directory = mkdtempSync(join(tmpdir(), "tsrun-native-"));
  const sanitizers = !VALGRIND && compiles(directory, SANITIZERS) ? SANITIZERS : [];
  const doubles = VALGRIND ? ["-Wl,--wrap=syscall", join(NATIVE, "sanitized/valgrind.c")] : [];
  return {
    directory,
    compile(name, { sources, main, include = "monitor" }) {
      const program = join(directory, name);
      const files = sources.map((source) => join(NATIVE, source));
      if (main !== undefined) {
        writeFileSync(`${program}.c`, main);
        files.push(`${program}.c`);
      }
      const includes = [`-I${join(NATIVE, "include")}`, `-I${join(NATIVE, include)}`];
      gcc([
        "-std=c11",
        "-D_GNU_SOURCE",
        "-g",
        "-O1",
        ...WARNINGS,
        ...sanitizers,
        ...includes,
        "-o",
        program,
        ...files,
        ...doubles,
      ]);
      if (VALGRIND) wrap(program);
      return program;
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Puts in the program's place one that runs it under valgrind; what it becomes and what it starts runs as ever. */
function wrap(program: string): void {
  renameSync(program, `${program}.own`);
  const options = "--quiet --leak-check=full --trace-children=no --error-exitcode=99";
  writeFileSync(program, `#!/bin/sh\nexec valgrind ${options} "$0.own" "$@"\n`, { mode: 0o755 });
}

function gcc(args: readonly string[]): void {
  const { status, stderr, error } = spawnSync("gcc", args, { encoding: "utf8" });
  if (error) throw new Error(`gcc is needed to build tsrun, and for this test: ${error.message}`);
  if (status !== 0) throw new Error(stderr);
}

function compiles(directory: string, flags: readonly string[]): boolean {
  const source = join(directory, "probe.c");
  writeFileSync(source, "int main(void) { return 0; }\n");
  return spawnSync("gcc", [...flags, "-o", join(directory, "probe"), source]).status === 0;
}
