/**
 * The compiled filter of a container, kept on disk: compiling takes tens of milliseconds and libseccomp, reading it back
 * a fraction of one and neither.
 */
import { mkdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { formatCapabilities } from "../capabilities.ts";
import type { OciSeccomp } from "../oci.ts";
import { DEFAULT_PROFILE_VERSION } from "./default-profile-version.ts";

/** Raise it when the same profile begins to compile to something else. */
const FORMAT = 2;
const INSTRUCTION_BYTES = 8;

/**
 * The default profile's filter for a container with these capabilities: struct sock_filter[] for seccomp(2).
 * `cacheDir` is <root>/cache/seccomp, made when missing. The profile itself is looked at only when nothing is cached.
 */
export function defaultFilter(cacheDir: string, capabilities: readonly string[]): Promise<Uint8Array> {
  // What it depends on is short enough to be the name itself: node:crypto takes longer to load than all the rest here.
  const inputs = ["default", DEFAULT_PROFILE_VERSION, formatCapabilities(capabilities), ...host()];
  return cachedFilter(cacheDir, inputs.join("-"), async () => {
    const { defaultProfile } = await import("./default-profile.ts");
    const { resolveProfile } = await import("./resolve.ts");
    return compile(resolveProfile(defaultProfile(), { capabilities, arch: process.arch, kernel: release() }));
  });
}

/** The filter of any other profile. */
export function seccompFilter(cacheDir: string, seccomp: OciSeccomp): Promise<Uint8Array> {
  const { createHash } = process.getBuiltinModule("node:crypto");
  const digest = createHash("sha256").update(JSON.stringify(seccomp)).digest("hex");
  return cachedFilter(cacheDir, [digest, ...host()].join("-"), () => compile(seccomp));
}

async function compile(seccomp: OciSeccomp): Promise<Uint8Array> {
  const { compileSeccomp } = await import("./compile.ts");
  const { condense } = await import("./condense.ts");
  return condense(compileSeccomp(seccomp));
}

/** What else the result depends on. */
const host = (): (string | number)[] => [FORMAT, process.arch, release(), libraryStamp()];

/** What `build` returned under the same name before, else what it returns now. */
export async function cachedFilter(
  cacheDir: string,
  name: string,
  build: () => Uint8Array | Promise<Uint8Array>,
): Promise<Uint8Array> {
  const file = join(cacheDir, `${name}.bpf`);
  const cached = readIfWhole(file);
  if (cached !== undefined) return cached;
  const program = await build();
  store(file, cacheDir, program);
  return program;
}

function readIfWhole(file: string): Uint8Array | undefined {
  try {
    const program = readFileSync(file);
    return program.length > 0 && program.length % INSTRUCTION_BYTES === 0 ? program : undefined;
  } catch {
    return undefined;
  }
}

/** A cache that cannot be written costs time, not correctness. */
function store(file: string, cacheDir: string, program: Uint8Array): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, program, { mode: 0o600 });
    renameSync(temporary, file);
  } catch {
    discard(temporary);
  }
}

function discard(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // It was never made.
  }
}

const MULTIARCH: Readonly<Record<string, string>> = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };

/**
 * Changes when libseccomp is upgraded: a newer one knows more system calls. Where the library is in none of the usual
 * places its upgrades go unnoticed until the next kernel.
 */
function libraryStamp(): string {
  for (const directory of [`/usr/lib/${MULTIARCH[process.arch]}`, "/usr/lib64", "/usr/lib"]) {
    const library = statSync(`${directory}/libseccomp.so.2`, { throwIfNoEntry: false });
    if (library !== undefined) return `${library.ino}-${Math.round(library.mtimeMs)}`;
  }
  return "";
}
