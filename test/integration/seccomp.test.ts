/** The compiled filters in the kernel: a C program puts one on and reports what each system call then returns. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DEFAULT_CAPABILITIES, effectiveCapabilities } from "../../src/runtime/capabilities.ts";
import type { OciSeccomp } from "../../src/runtime/oci.ts";
import { decode } from "../../src/runtime/seccomp/bpf.ts";
import { compileSeccomp } from "../../src/runtime/seccomp/compile.ts";
import { condense } from "../../src/runtime/seccomp/condense.ts";
import { defaultProfile } from "../../src/runtime/seccomp/default-profile.ts";
import { defaultFilter } from "../../src/runtime/seccomp/filter.ts";
import { resolveProfile } from "../../src/runtime/seccomp/resolve.ts";
import { probes, verdict } from "../support/bpf.ts";

/** filter-probe FILTER: installs the filter, then prints a line "name errno" for each call. */
const PROBE = `
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sock_filter program[8192];

#define REPORT(name, call) do { errno = 0; long r = (long)(call); printf("%s %d\\n", name, r < 0 ? errno : 0); } while (0)

static long clone_with(long flags) {
  long pid = syscall(SYS_clone, flags | 17, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid(pid, 0, 0);
  return pid;
}

int main(int argc, char **argv) {
  int fd = open(argv[argc - 1], O_RDONLY);
  ssize_t size = read(fd, program, sizeof program);
  struct sock_fprog fprog = { (unsigned short)(size / 8), program };
  if (size <= 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog)) {
    perror("seccomp");
    return 1;
  }
  REPORT("getpid", syscall(SYS_getpid));
  REPORT("fork", clone_with(0));
  REPORT("clone_newuser", clone_with(CLONE_NEWUSER));
  REPORT("clone_newns", clone_with(CLONE_NEWNS));
  REPORT("clone3", syscall(SYS_clone3, 0, 0));
  REPORT("unshare", unshare(CLONE_NEWUTS));
  REPORT("mount", mount("none", "/nowhere", "tmpfs", 0, 0));
  REPORT("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
  REPORT("bpf", syscall(SYS_bpf, 0, 0, 0));
  REPORT("io_uring_setup", syscall(SYS_io_uring_setup, 0, 0));
  REPORT("socket", socket(AF_INET, SOCK_STREAM, 0));
  REPORT("vsock", socket(40, SOCK_STREAM, 0));
  REPORT("personality_query", personality(0xffffffff));
  REPORT("personality_randomize", personality(0x0040000));
  REPORT("mkdir", mkdir("/", 0));
  REPORT("from_the_future", syscall(5000));
  REPORT("negative", syscall(-7));
  return 0;
}
`;

let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-seccomp-"));
  writeFileSync(join(directory, "probe.c"), PROBE);
  execFileSync("gcc", ["-D_GNU_SOURCE", "-w", "-o", join(directory, "probe"), join(directory, "probe.c")]);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** errno by call, under the filter. */
function probe(filter: Uint8Array): Record<string, number> {
  const file = join(directory, "filter.bpf");
  writeFileSync(file, filter);
  const output = execFileSync(join(directory, "probe"), [file], { encoding: "utf8" });
  return Object.fromEntries(
    output
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([name, errno]) => [name, Number(errno)]),
  );
}

const EPERM = 1;
const ENOENT = 2;
const EFAULT = 14;
const EEXIST = 17;
const EINVAL = 22;
const ENOSYS = 38;

describe("the default profile", () => {
  test("refuses what reaches the host and lets ordinary programs run", async () => {
    expect(probe(await defaultFilter(join(directory, "cache"), DEFAULT_CAPABILITIES))).toEqual({
      getpid: 0,
      fork: 0,
      clone_newuser: EPERM,
      clone_newns: EPERM,
      clone3: ENOSYS,
      unshare: EPERM,
      mount: EPERM,
      keyctl: EPERM,
      bpf: EPERM,
      io_uring_setup: EPERM,
      socket: 0,
      vsock: EPERM,
      personality_query: 0,
      personality_randomize: EPERM,
      mkdir: EEXIST,
      from_the_future: ENOSYS,
      negative: ENOSYS,
    });
  });

  test("opens with CAP_SYS_ADMIN what that capability is for", async () => {
    const capabilities = effectiveCapabilities({ add: ["SYS_ADMIN"] });
    const result = probe(await defaultFilter(join(directory, "cache"), capabilities));
    expect(result).toMatchObject({
      unshare: 0,
      mount: ENOENT,
      clone3: EINVAL,
      clone_newns: 0,
      keyctl: EPERM,
    });
    expect(result.bpf).not.toBe(EPERM);
  });

  test("comes from the cache the second time, the same", async () => {
    const cache = join(directory, "cache-twice");
    const first = await defaultFilter(cache, DEFAULT_CAPABILITIES);
    expect(readdirSync(cache)).toHaveLength(1);
    expect(Buffer.compare(await defaultFilter(cache, DEFAULT_CAPABILITIES), first)).toBe(0);
    expect(first.length / 8).toBeLessThan(4096);
  });

  test.each(["arm64", "ppc64", "riscv64"])("compiles for the tables of %s too", (arch) => {
    const target = { capabilities: DEFAULT_CAPABILITIES, arch, kernel: release() };
    expect(compileSeccomp(resolveProfile(defaultProfile(), target)).length).toBeGreaterThan(0);
  });
});

describe("condensed", () => {
  const named = (args?: OciSeccomp["syscalls"]): OciSeccomp => ({
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: args ?? [],
  });

  test.each<[what: string, profile: () => OciSeccomp, most: number]>([
    [
      "the default profile",
      () =>
        resolveProfile(defaultProfile(), {
          capabilities: DEFAULT_CAPABILITIES,
          arch: "x64",
          kernel: release(),
        }),
      400,
    ],
    [
      "the default profile of a container with all capabilities",
      () =>
        resolveProfile(defaultProfile(), {
          capabilities: effectiveCapabilities({ add: ["ALL"] }),
          arch: "x64",
          kernel: release(),
        }),
      400,
    ],
    [
      "one that looks at arguments in every way",
      () =>
        named(
          (["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"] as const).map((op, index) => ({
            names: [["read", "write", "close", "fcntl", "ioctl", "mmap", "socket"][index] ?? ""],
            action: "SCMP_ACT_ERRNO",
            args: [
              { index: 1, value: 0x1_0000_0005, valueTwo: 5, op: `SCMP_CMP_${op}` },
              { index: 2, value: 7, op: "SCMP_CMP_EQ" },
            ],
          })),
        ),
      4096,
    ],
    ["one that allows all", named, 4096],
  ])("%s decides the same", (_, profile, most) => {
    const whole = compileSeccomp(profile());
    const condensed = condense(whole);
    expect(condensed.length / 8).toBeLessThan(most);
    const programs = [decode(whole), decode(condensed)] as const;
    for (const data of probes(programs)) {
      const [before, after] = programs.map((program) => verdict(program, data));
      if (before !== after) expect.fail(`${data}: ${before} became ${after}`);
    }
  });
});

describe("other profiles", () => {
  test("may refuse single calls, with an errno of their choice, by argument", () => {
    const profile: OciSeccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
      syscalls: [
        { names: ["mkdir", "no_such_call"], action: "SCMP_ACT_ERRNO", errnoRet: EFAULT },
        {
          names: ["socket"],
          action: "SCMP_ACT_ERRNO",
          args: [
            { index: 0, value: 2, op: "SCMP_CMP_EQ" },
            { index: 0, value: 40, op: "SCMP_CMP_EQ" },
          ],
        },
      ],
    };
    const result = probe(compileSeccomp(profile));
    expect(result).toMatchObject({
      getpid: 0,
      mkdir: EFAULT,
      socket: EPERM,
      vsock: EPERM,
      from_the_future: ENOSYS,
    });
    expect(result.personality_randomize).toBe(0);
  });

  test.each([
    ["an action", { defaultAction: "SCMP_ACT_NOTIFY" }, /SCMP_ACT_NOTIFY/],
    [
      "an architecture",
      { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_VAX"] },
      /SCMP_ARCH_VAX/,
    ],
  ])("%s that is not supported is named", (_, profile, message) => {
    expect(() => compileSeccomp(profile)).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_SECCOMP_PROFILE_INVALID",
        message: expect.stringMatching(message),
      }),
    );
  });
});
