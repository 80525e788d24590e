/** What is in a file that the kernel would not execute: a script, a program for another machine, or no program. */
import { posix } from "node:path";
import type { BinfmtHandler } from "./binfmt.ts";
import type { ExecFailure, Finding } from "./diagnose.ts";
import { type ElfFile, parseElf } from "./elf.ts";
import { parseShebang, SHEBANG_BYTES, type Shebang } from "./shebang.ts";

/** A script may be another script's interpreter; the kernel follows that so far (binfmt_script, exec_binprm). */
const MAX_INTERPRETERS = 5;

/** Why the file at `path` does not run, undefined where nothing in it explains that. */
export function diagnoseFile(path: string, failure: ExecFailure, depth = 0): Finding | undefined {
  const { probe } = failure;
  const head = probe.read(path, SHEBANG_BYTES);
  if (head === undefined) return undefined;
  const shebang = parseShebang(head);
  if (shebang !== undefined) return diagnoseScript(path, shebang, { failure, depth });
  const elf = parseElf((offset, length) => probe.read(path, length, offset));
  return elf === undefined ? notAProgram(path, head) : diagnoseElf(path, elf, failure);
}

function diagnoseScript(
  path: string,
  shebang: Shebang,
  { failure, depth }: { failure: ExecFailure; depth: number },
): Finding | undefined {
  const { interpreter, carriageReturn } = shebang;
  const code = "ERR_TSRUN_INTERPRETER_MISSING";
  if (carriageReturn) {
    return {
      code,
      reason: `the first line of ${path} ends as on Windows (CRLF), so its interpreter is taken to be "${interpreter}\\r"`,
      hint: "save the file with Unix line endings: sed -i 's/\\r$//' FILE, or in git: '*.sh text eol=lf' in .gitattributes",
    };
  }
  if (interpreter === "") {
    return {
      code: "ERR_TSRUN_EXEC_FORMAT",
      reason: `exec format error: the first line of ${path} names no interpreter`,
      hint: "write #!/bin/sh",
    };
  }
  const target = posix.resolve(failure.cwd ?? "/", interpreter);
  const found = failure.probe.stat(target);
  if (found === undefined) {
    return {
      code,
      reason: `the interpreter that ${path} names, ${interpreter}, does not exist in the image`,
      hint: interpreterHint(interpreter, failure),
    };
  }
  if (found.kind !== "file" || (found.mode & 0o111) === 0 || found.noexec) {
    const what =
      found.kind === "directory"
        ? "a directory"
        : found.noexec
          ? "on a filesystem mounted with noexec"
          : "not executable";
    return {
      code: "ERR_TSRUN_COMMAND_NOT_EXECUTABLE",
      reason: `permission denied: its interpreter ${interpreter} is ${what}`,
    };
  }
  if (depth === MAX_INTERPRETERS) {
    return {
      code: "ERR_TSRUN_EXEC_FORMAT",
      reason: `too many levels of interpreters, ${interpreter} being the last`,
    };
  }
  return diagnoseFile(target, failure, depth + 1);
}

function interpreterHint(interpreter: string, { probe }: ExecFailure): string {
  const name = posix.basename(interpreter);
  const elsewhere = ["/bin", "/usr/bin", "/usr/local/bin"]
    .map((directory) => posix.join(directory, name))
    .find((path) => probe.stat(path)?.kind === "file");
  if (elsewhere !== undefined) return `it is at ${elsewhere} in this image: correct the first line`;
  return name === "bash" && probe.stat("/bin/sh") !== undefined
    ? "install bash in the image, or, if the script needs nothing of bash's own, begin it with #!/bin/sh"
    : `install ${name} in the image, or correct the first line of the script`;
}

function diagnoseElf(path: string, elf: ElfFile | "damaged", failure: ExecFailure): Finding | undefined {
  if (elf === "damaged") {
    return {
      code: "ERR_TSRUN_EXEC_FORMAT",
      reason: `exec format error: ${path} is a damaged program, parts of it are missing`,
    };
  }
  if (!runsOn(elf.architecture, failure.hostArch)) return wrongArchitecture(path, elf, failure);
  const loader = elf.interpreter;
  if (loader === undefined) return undefined;
  if (failure.probe.stat(posix.resolve(failure.cwd ?? "/", loader)) === undefined) {
    return {
      code: "ERR_TSRUN_LOADER_MISSING",
      reason: `the dynamic loader that ${path} needs, ${loader}, does not exist in the image`,
      hint: loaderHint(loader, failure),
    };
  }
  const parsed = parseElf((offset, length) => failure.probe.read(loader, length, offset));
  if (typeof parsed === "object" && parsed.machine === elf.machine) return undefined;
  return {
    code: "ERR_TSRUN_LOADER_MISSING",
    reason: `the dynamic loader that ${path} needs, ${loader}, is ${typeof parsed === "object" ? `built for ${parsed.architecture}` : "no program"}`,
    hint: "the image mixes files of several platforms, or was damaged: pull or build it again",
  };
}

/** Whether the host's processor runs this architecture's programs itself. */
function runsOn(architecture: string, hostArch: string): boolean {
  const others: Readonly<Record<string, string>> = { amd64: "386", arm64: "arm" };
  return architecture === hostArch || others[hostArch] === architecture;
}

function wrongArchitecture(path: string, elf: ElfFile, failure: ExecFailure): Finding {
  const { architecture } = elf;
  const handler = failure.binfmt?.find((candidate) => emulates(candidate, architecture));
  const code = "ERR_TSRUN_WRONG_ARCHITECTURE";
  const reason = `exec format error: ${path} is built for ${architecture}, but this host is ${failure.hostArch}`;
  if (handler !== undefined && !handler.fixed) {
    return {
      code,
      reason,
      hint: `its emulator ${handler.interpreter} is registered without the flag F, so it is looked for inside the container: register it with F (Debian's qemu-user-static does)`,
    };
  }
  return {
    code,
    reason,
    hint: `no emulator for it (${qemuName(architecture)}) is registered with the kernel: install one (Debian: apt-get install qemu-user-static binfmt-support), or take an image for this host with --platform linux/${failure.hostArch}`,
  };
}

/** QEMU's own names of the architectures, as its registrations bear them: "qemu-aarch64". */
const QEMU_NAMES: Readonly<Record<string, string>> = {
  "386": "i386",
  amd64: "x86_64",
  arm64: "aarch64",
  mipsle: "mipsel",
  mips64le: "mips64el",
  loong64: "loongarch64",
};

const qemuName = (architecture: string): string => `qemu-${QEMU_NAMES[architecture] ?? architecture}`;

function emulates(handler: BinfmtHandler, architecture: string): boolean {
  return handler.name === qemuName(architecture);
}

function loaderHint(loader: string, { probe }: ExecFailure): string {
  const has = (paths: readonly string[]) => paths.some((path) => probe.stat(path) !== undefined);
  const musl = has(
    ["x86_64", "aarch64", "i386", "armhf", "riscv64", "powerpc64le", "s390x"].map(
      (name) => `/lib/ld-musl-${name}.so.1`,
    ),
  );
  const glibc = has([
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux.so.2",
    "/lib/ld-linux-armhf.so.3",
  ]);
  const wants = loader.includes("/ld-musl-")
    ? "musl"
    : /\/ld(-linux|64\.so|\.so\.1)/.test(loader)
      ? "glibc"
      : undefined;
  if (wants === "glibc" && musl) {
    return "it is built for glibc, and this image (like Alpine) has musl: use an image with glibc, such as debian, or build it for musl or statically";
  }
  if (wants === "musl" && glibc) {
    return "it is built for musl, and this image has glibc: use an image with musl, such as alpine, or build it for glibc or statically";
  }
  if (!musl && !glibc)
    return "this image has no C library: link the program statically, or add the library that it was built for";
  return "use the image that the program was built for, or link it statically";
}

function notAProgram(path: string, head: Buffer): Finding {
  const { what, hint } = describeContent(path, head);
  return {
    code: "ERR_TSRUN_EXEC_FORMAT",
    reason: `exec format error: ${path} is ${what}`,
    ...(hint ? { hint } : {}),
  };
}

function describeContent(path: string, head: Buffer): { what: string; hint?: string } {
  if (head.length === 0) return { what: "an empty file" };
  if (head.toString("latin1", 0, 5) === "\xef\xbb\xbf#!") {
    return {
      what: "a script with a byte order mark before its #!",
      hint: "save it as UTF-8 without BOM: sed -i '1s/^\\xEF\\xBB\\xBF//' FILE",
    };
  }
  if (head.toString("latin1", 0, 2) === "MZ") return { what: "a Windows program" };
  if (["cffaedfe", "cefaedfe", "feedfacf", "feedface"].includes(head.toString("hex", 0, 4)))
    return { what: "a macOS program" };
  if (isText(head)) {
    return {
      what: "a text file without a #! line",
      hint: `begin it with a line that names its interpreter, such as #!/bin/sh, or run: sh ${path}`,
    };
  }
  return { what: "not a program" };
}

/** No control characters but those that text has. */
function isText(head: Buffer): boolean {
  return head.every((byte) => byte >= 32 || (byte >= 8 && byte <= 13) || byte === 27);
}
