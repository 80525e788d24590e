import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TsrunError } from "../../../src/errors.ts";
import { SyscallError } from "../../../src/kernel/errors.ts";
import { declare } from "../../../src/kernel/ffi.ts";
import { diagnoseExec, type ExecFailure } from "../../../src/runtime/diagnose.ts";
import { type FileFacts, openRootProbe, type RootProbe } from "../../../src/runtime/root-probe.ts";
import { elf } from "./elf-fixture.ts";

type FakeFile = Partial<FileFacts> & { content?: Buffer | string };

const MUSL = { "/lib/ld-musl-x86_64.so.1": { content: elf({ machine: 62 }) } };
const GLIBC_PROGRAM = elf({ machine: 62, interpreter: "/lib64/ld-linux-x86-64.so.2" });

function fakeProbe(files: Record<string, FakeFile>): RootProbe {
  return {
    stat: (path) => {
      const file = files[path];
      return file && { kind: "file", mode: 0o755, uid: 0, gid: 0, size: 1, noexec: false, ...file };
    },
    read: (path, length, offset = 0) => {
      const content = files[path]?.content;
      return content === undefined ? undefined : Buffer.from(content).subarray(offset, offset + length);
    },
  };
}

function diagnose(
  files: Record<string, FakeFile>,
  failure: Partial<ExecFailure> & { error: string },
): TsrunError {
  const { error, argv0 = "/app", ...rest } = failure;
  return diagnoseExec({
    probe: fakeProbe(files),
    argv0,
    candidates: argv0.includes("/")
      ? [argv0]
      : ["/usr/bin", "/bin"].map((directory) => `${directory}/${argv0}`),
    errno: constants.errno[error as keyof typeof constants.errno],
    path: "/usr/bin:/bin",
    hostArch: "amd64",
    ...rest,
  });
}

describe("no such command: 127", () => {
  test("by name", () => {
    const error = diagnose({}, { argv0: "foo", error: "ENOENT" });
    expect(error).toMatchObject({
      code: "ERR_TSRUN_COMMAND_NOT_FOUND",
      message: 'exec: "foo": executable file not found in $PATH',
      hint: "searched in /usr/bin:/bin",
      exitCode: 127,
    });
    expect(error.cause).toBeInstanceOf(SyscallError);
    expect(error.cause).toMatchObject({ syscall: "execve", code: "ENOENT" });
  });

  test("by path", () => {
    expect(diagnose({}, { argv0: "/foo", error: "ENOENT" })).toMatchObject({
      message: 'exec: "/foo": stat /foo: no such file or directory',
      exitCode: 127,
    });
    expect(diagnose({ "/f": {} }, { argv0: "/f/oo", error: "ENOTDIR" })).toMatchObject({
      message: 'exec: "/f/oo": stat /f/oo: not a directory',
      exitCode: 127,
    });
  });

  test("a directory of that name in PATH is no command", () => {
    expect(diagnose({ "/bin/foo": { kind: "directory" } }, { argv0: "foo", error: "EACCES" })).toMatchObject({
      message: 'exec: "foo": executable file not found in $PATH',
      exitCode: 127,
    });
  });

  test("the usual mistakes are recognised", () => {
    expect(diagnose({}, { argv0: "echo hi", error: "ENOENT" }).hint).toContain("sh -c 'echo hi'");
    expect(diagnose({}, { argv0: "-it", error: "ENOENT" }).hint).toContain(
      "options go before the image's name",
    );
    expect(diagnose({ "/bin/sh": {} }, { argv0: "bash", error: "ENOENT" }).hint).toBe(
      "the image has no bash: try sh",
    );
    expect(diagnose({ "/bin/sh": {} }, { argv0: "/bin/bash", error: "ENOENT" }).hint).toContain("try sh");
    expect(diagnose({}, { argv0: "x", error: "ENOENT", path: "" }).hint).toBe(
      "PATH is not set in the container",
    );
  });
});

describe("not executable: 126", () => {
  test.each<[string, FakeFile, Partial<ExecFailure>, string, string | RegExp]>([
    ["a directory", { kind: "directory" }, {}, "is a directory", ""],
    ["a device", { kind: "other" }, {}, "permission denied", /neither a file/],
    ["no execute bit", { mode: 0o644 }, {}, "permission denied", /mode 0644.*chmod \+x/],
    ["a noexec mount", { noexec: true }, {}, "permission denied", /noexec/],
    [
      "another user's",
      { mode: 0o750, uid: 1, gid: 2 },
      { user: { uid: 1000, gid: 1000, additionalGids: [] } },
      "permission denied",
      /mode 0750 and owner 1:2 of \/app do not let user 1000/,
    ],
  ])("%s", (_, file, failure, reason, hint) => {
    const error = diagnose({ "/app": file }, { error: "EACCES", ...failure });
    expect(error).toMatchObject({
      code: "ERR_TSRUN_COMMAND_NOT_EXECUTABLE",
      message: `exec: "/app": ${reason}`,
      exitCode: 126,
    });
    expect(error.hint ?? "").toMatch(hint);
  });

  test("a group member may execute, so the permission bits are not blamed", () => {
    const user = { uid: 1000, gid: 1000, additionalGids: [2] };
    const error = diagnose({ "/app": { mode: 0o710, uid: 1, gid: 2 } }, { error: "EACCES", user });
    expect(error).toMatchObject({
      code: "ERR_TSRUN_EXEC_FAILED",
      message: 'exec: "/app": permission denied',
    });
  });

  test("found by name: the path is said", () => {
    expect(diagnose({ "/bin/foo": { mode: 0o644 } }, { argv0: "foo", error: "EACCES" })).toMatchObject({
      message: 'exec: "foo" (/bin/foo): permission denied',
      exitCode: 126,
    });
  });

  test.each([
    ["ETXTBSY", "text file busy"],
    ["E2BIG", "argument list too long"],
    ["ENOMEM", "cannot allocate memory"],
    ["EAGAIN", "resource temporarily unavailable"],
    ["ENAMETOOLONG", "file name too long"],
    ["EPERM", "operation not permitted"],
    ["EIO", "execve: EIO"],
  ])("%s", (name, reason) => {
    expect(diagnose({ "/app": { content: elf({ machine: 62 }) } }, { error: name })).toMatchObject({
      code: "ERR_TSRUN_EXEC_FAILED",
      message: `exec: "/app": ${reason}`,
      exitCode: 126,
    });
  });
});

describe("scripts", () => {
  test("whose interpreter is missing", () => {
    const files = { "/app": { content: "#!/bin/bash -e\necho" }, "/bin/sh": {} };
    expect(diagnose(files, { error: "ENOENT" })).toMatchObject({
      code: "ERR_TSRUN_INTERPRETER_MISSING",
      message: 'exec: "/app": the interpreter that /app names, /bin/bash, does not exist in the image',
      hint: expect.stringContaining("#!/bin/sh"),
      exitCode: 126,
    });
  });

  test("whose interpreter is elsewhere", () => {
    const files = { "/app": { content: "#!/usr/local/bin/python3\n" }, "/usr/bin/python3": {} };
    expect(diagnose(files, { error: "ENOENT" }).hint).toContain("it is at /usr/bin/python3");
  });

  test("with Windows line endings", () => {
    const files = { "/app": { content: "#!/bin/sh\r\necho\r\n" }, "/bin/sh": {} };
    const error = diagnose(files, { error: "ENOENT" });
    expect(error.code).toBe("ERR_TSRUN_INTERPRETER_MISSING");
    expect(error.message).toContain("CRLF");
    expect(error.message).toContain('"/bin/sh\\r"');
    expect(error.hint).toContain("sed -i");
  });

  test("whose interpreter cannot run itself", () => {
    const script = { content: "#!/sh\n" };
    const glibc = diagnose(
      { "/app": script, "/sh": { content: GLIBC_PROGRAM }, ...MUSL },
      { error: "ENOENT" },
    );
    expect(glibc.message).toBe(
      'exec: "/app": the dynamic loader that /sh needs, /lib64/ld-linux-x86-64.so.2, does not exist in the image',
    );
    const plain = diagnose({ "/app": script, "/sh": { mode: 0o644 } }, { error: "EACCES" });
    expect(plain.message).toBe('exec: "/app": permission denied: its interpreter /sh is not executable');
    const loop = diagnose({ "/app": { content: "#!/app\n" } }, { error: "ELOOP" });
    expect(loop.message).toContain("too many levels of interpreters");
  });

  test("without, or with an empty first line", () => {
    expect(diagnose({ "/app": { content: "echo hi\n" } }, { error: "ENOEXEC" })).toMatchObject({
      code: "ERR_TSRUN_EXEC_FORMAT",
      message: 'exec: "/app": exec format error: /app is a text file without a #! line',
      hint: expect.stringContaining("#!/bin/sh"),
      exitCode: 126,
    });
    expect(diagnose({ "/app": { content: "#!\n" } }, { error: "ENOEXEC" }).message).toContain(
      "names no interpreter",
    );
    expect(diagnose({ "/app": { content: "\u{feff}#!/bin/sh\n" } }, { error: "ENOEXEC" }).message).toContain(
      "byte order mark",
    );
  });
});

describe("programs", () => {
  test("built for glibc in a musl image, and the reverse", () => {
    expect(diagnose({ "/app": { content: GLIBC_PROGRAM }, ...MUSL }, { error: "ENOENT" })).toMatchObject({
      code: "ERR_TSRUN_LOADER_MISSING",
      message:
        'exec: "/app": the dynamic loader that /app needs, /lib64/ld-linux-x86-64.so.2, does not exist in the image',
      hint: expect.stringContaining("built for glibc, and this image (like Alpine) has musl"),
      exitCode: 126,
    });
    const musl = elf({ machine: 62, interpreter: "/lib/ld-musl-x86_64.so.1" });
    const files = { "/app": { content: musl }, "/lib64/ld-linux-x86-64.so.2": {} };
    expect(diagnose(files, { error: "ENOENT" }).hint).toContain("built for musl, and this image has glibc");
  });

  test("in an image without a C library", () => {
    expect(diagnose({ "/app": { content: GLIBC_PROGRAM } }, { error: "ENOENT" }).hint).toContain(
      "has no C library",
    );
  });

  test("whose loader is for another machine", () => {
    const files = {
      "/app": { content: GLIBC_PROGRAM },
      "/lib64/ld-linux-x86-64.so.2": { content: elf({ machine: 183 }) },
    };
    expect(diagnose(files, { error: "ELIBBAD" }).message).toContain("is built for arm64");
  });

  test("for another architecture", () => {
    const files = { "/app": { content: elf({ machine: 183, interpreter: "/lib/ld-linux-aarch64.so.1" }) } };
    expect(diagnose(files, { error: "ENOEXEC" })).toMatchObject({
      code: "ERR_TSRUN_WRONG_ARCHITECTURE",
      message: 'exec: "/app": exec format error: /app is built for arm64, but this host is amd64',
      hint: expect.stringContaining("--platform linux/amd64"),
      exitCode: 126,
    });
    const binfmt = [{ name: "qemu-aarch64", interpreter: "/usr/bin/qemu-aarch64", fixed: false }];
    expect(diagnose(files, { error: "ENOENT", binfmt }).hint).toContain("without the flag F");
  });

  test("for the host's 32-bit sibling are not blamed on the architecture", () => {
    const files = { "/app": { content: elf({ machine: 3, bits: 32 }) } };
    expect(diagnose(files, { error: "EIO" }).code).toBe("ERR_TSRUN_EXEC_FAILED");
    expect(diagnose(files, { error: "ENOEXEC", hostArch: "arm64" }).code).toBe(
      "ERR_TSRUN_WRONG_ARCHITECTURE",
    );
  });

  test.each<[string, Buffer | string]>([
    ["an empty file", ""],
    ["a Windows program", "MZ\x90\0"],
    ["a macOS program", Buffer.from("cffaedfe07000001", "hex")],
    ["not a program", Buffer.from([0x1f, 0x8b, 8, 0])],
    ["a damaged program", elf({ machine: 62 }).subarray(0, 70)],
  ])("that are %s", (what, content) => {
    const error = diagnose({ "/app": { content } }, { error: "ENOEXEC" });
    expect(error).toMatchObject({ code: "ERR_TSRUN_EXEC_FORMAT", exitCode: 126 });
    expect(error.message).toContain(what);
  });
});

describe("against the real kernel and real files", () => {
  let root: string;
  let probe: RootProbe & Disposable;
  const hostArch = { x64: "amd64", arm64: "arm64" }[process.arch as "x64" | "arm64"];

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "tsrun-diagnose-"));
    mkdirSync(join(root, "bin"));
    probe = openRootProbe("/");
  });
  afterAll(() => {
    probe[Symbol.dispose]();
    rmSync(root, { recursive: true });
  });

  // Node's spawn is execvp(3), which gives a file of unknown format to /bin/sh; posix_spawn(3) is execve(2).
  const posixSpawn = declare(
    null,
    "int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)",
  );

  /** Executes the file for real and diagnoses what the kernel said. */
  function execute(path: string): TsrunError {
    const errno = posixSpawn([0], path, null, null, [path, null], [null]);
    expect(errno, `execve of ${path} should have failed`).toBeGreaterThan(0);
    return diagnoseExec({ probe, candidates: [path], argv0: path, errno, hostArch });
  }

  function file(name: string, content: string | Buffer, mode = 0o755): string {
    const path = join(root, name);
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  }

  test("what the kernel says of each is explained", () => {
    const foreign = elf({ machine: process.arch === "x64" ? 183 : 62, interpreter: "/lib/ld-other.so" });
    expect(execute(join(root, "nothing")).code).toBe("ERR_TSRUN_COMMAND_NOT_FOUND");
    expect(execute(join(root, "bin")).message).toContain("is a directory");
    expect(execute(file("plain", "echo", 0o644)).code).toBe("ERR_TSRUN_COMMAND_NOT_EXECUTABLE");
    expect(execute(file("script", "#!/nowhere/bash\n")).code).toBe("ERR_TSRUN_INTERPRETER_MISSING");
    expect(execute(file("windows", "#!/bin/sh\r\n")).message).toContain("CRLF");
    expect(execute(file("foreign", foreign)).code).toBe("ERR_TSRUN_WRONG_ARCHITECTURE");
    expect(execute(file("damaged", GLIBC_PROGRAM.subarray(0, 100))).code).toBe("ERR_TSRUN_EXEC_FORMAT");
    expect(execute(file("empty", "")).message).toContain("an empty file");
    expect(execute("/proc/self/status").code).toBe("ERR_TSRUN_COMMAND_NOT_EXECUTABLE");
  });

  test("programs of the host: static busybox and dynamic ls explain no failure of their own", () => {
    for (const path of ["/bin/busybox", "/bin/ls"]) {
      const found = diagnoseExec({
        probe,
        candidates: [path],
        argv0: path,
        errno: constants.errno.ENOENT,
        hostArch,
      });
      expect(found.code, path).toBe("ERR_TSRUN_EXEC_FAILED");
    }
    const other = hostArch === "amd64" ? "arm64" : "amd64";
    const ls = diagnoseExec({
      probe,
      candidates: ["/bin/ls"],
      argv0: "ls",
      errno: constants.errno.ENOEXEC,
      hostArch: other,
    });
    expect(ls.message).toBe(
      `exec: "ls" (/bin/ls): exec format error: /bin/ls is built for ${hostArch}, but this host is ${other}`,
    );
  });

  test("ls in a root without its loader", () => {
    const lonely = mkdtempSync(join(tmpdir(), "tsrun-lonely-"));
    try {
      spawnSync("cp", ["/bin/ls", join(lonely, "ls")]);
      using inside = openRootProbe(lonely);
      const error = diagnoseExec({
        probe: inside,
        candidates: ["/ls"],
        argv0: "/ls",
        errno: constants.errno.ENOENT,
        hostArch,
      });
      expect(error).toMatchObject({
        code: "ERR_TSRUN_LOADER_MISSING",
        message: expect.stringMatching(/needs, \/lib\S*\/ld-linux\S+, does not exist/),
      });
    } finally {
      rmSync(lonely, { recursive: true });
    }
  });
});
