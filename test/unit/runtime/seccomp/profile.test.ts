import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DEFAULT_CAPABILITIES } from "../../../../src/runtime/capabilities.ts";
import { defaultProfile } from "../../../../src/runtime/seccomp/default-profile.ts";
import { DEFAULT_PROFILE_VERSION } from "../../../../src/runtime/seccomp/default-profile-version.ts";
import { cachedFilter } from "../../../../src/runtime/seccomp/filter.ts";
import { parseProfile, type SeccompProfile } from "../../../../src/runtime/seccomp/profile.ts";
import { resolveProfile } from "../../../../src/runtime/seccomp/resolve.ts";

const x64 = { capabilities: DEFAULT_CAPABILITIES, arch: "x64", kernel: "6.1.0-13-amd64" };

const rulesFor = (name: string, target: Partial<typeof x64> = {}) =>
  (resolveProfile(defaultProfile(), { ...x64, ...target }).syscalls ?? []).filter(({ names }) =>
    names.includes(name),
  );
const isAllowed = (name: string, target: Partial<typeof x64> = {}) =>
  rulesFor(name, target).some(({ action, args }) => action === "SCMP_ACT_ALLOW" && args === undefined);

describe("the default profile", () => {
  test("changes its version whenever it changes, so that no stale filter is taken from the cache", () => {
    const hash = createHash("sha256").update(JSON.stringify(defaultProfile())).digest("hex");
    expect(`${DEFAULT_PROFILE_VERSION} ${hash}`).toBe(
      "1 5ae1c0543488d9fbb27d214fd7f716929925adcd45a43efad595289ef9b9b152",
    );
  });

  test("names no call twice among those that are always allowed", () => {
    const names = defaultProfile().syscalls[0]?.names ?? [];
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test("lets ordinary calls through and refuses those that reach the host", () => {
    for (const name of ["read", "execve", "fork", "statx", "chroot", "ptrace"])
      expect(isAllowed(name)).toBe(true);
    const refused =
      "mount unshare setns keyctl add_key bpf reboot init_module kexec_load swapon io_uring_setup userfaultfd";
    for (const name of refused.split(" ")) expect(rulesFor(name)).toEqual([]);
  });

  test("opens calls with the capability that they need", () => {
    for (const [capability, name] of [
      ["CAP_SYS_ADMIN", "mount"],
      ["CAP_SYS_ADMIN", "clone3"],
      ["CAP_SYS_PTRACE", "kcmp"],
      ["CAP_SYSLOG", "syslog"],
      ["CAP_SYS_TIME", "clock_settime"],
    ] as const) {
      expect(isAllowed(name)).toBe(false);
      expect(isAllowed(name, { capabilities: [capability] })).toBe(true);
    }
  });

  test("without CAP_SYS_ADMIN clone makes no namespaces, and clone3 looks absent", () => {
    expect(rulesFor("clone")).toEqual([
      {
        names: ["clone"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
      },
    ]);
    expect(rulesFor("clone", { arch: "s390x" })[0]?.args?.[0]?.index).toBe(1);
    expect(rulesFor("clone3")).toEqual([{ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }]);
  });

  test("ptrace needs a kernel in which it cannot evade the filter", () => {
    expect(isAllowed("ptrace", { kernel: "4.4.0" })).toBe(false);
    expect(isAllowed("ptrace", { kernel: "4.8.0-rc1" })).toBe(true);
    expect(isAllowed("ptrace", { kernel: "5.1" })).toBe(true);
  });

  test("covers the machine's own architecture and those it can also run", () => {
    expect(resolveProfile(defaultProfile(), x64).architectures).toEqual([
      "SCMP_ARCH_X86_64",
      "SCMP_ARCH_X86",
      "SCMP_ARCH_X32",
    ]);
    expect(isAllowed("arch_prctl")).toBe(true);
    expect(isAllowed("arch_prctl", { arch: "arm64" })).toBe(false);
    expect(isAllowed("cacheflush", { arch: "arm64" })).toBe(true);
  });
});

describe("a profile file", () => {
  test("in Docker's format is resolved as Docker does", () => {
    const profile = parseProfile(
      JSON.stringify({
        defaultAction: "SCMP_ACT_KILL",
        architectures: ["SCMP_ARCH_X86_64"],
        syscalls: [
          { name: "read", action: "SCMP_ACT_ALLOW", args: null },
          { names: ["write"], action: "SCMP_ACT_ALLOW", includes: { arches: ["arm64"] }, excludes: {} },
          { names: ["mount"], action: "SCMP_ACT_ALLOW", excludes: { caps: ["CAP_CHOWN"] } },
        ],
      }),
      "p.json",
    );
    expect(resolveProfile(profile, x64)).toEqual({
      defaultAction: "SCMP_ACT_KILL",
      architectures: ["SCMP_ARCH_X86_64"],
      syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
    } satisfies Partial<SeccompProfile>);
  });

  test.each([
    ["not JSON", "{", /not JSON/],
    ["a list", "[]", /not an object/],
    ["no default", "{}", /defaultAction/],
    [
      "nameless rule",
      '{"defaultAction":"x","syscalls":[{"action":"y"}]}',
      /syscalls\[0\].*names no system calls/,
    ],
    ["no action", '{"defaultAction":"x","syscalls":[{"names":["read"]}]}', /action is missing/],
  ])("%s is refused", (_, json, message) => {
    expect(() => parseProfile(json, "p.json")).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_SECCOMP_PROFILE_INVALID",
        message: expect.stringMatching(message),
      }),
    );
  });
});

describe("the cache of filters", () => {
  const program = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);

  test("builds once for the same inputs, again for others, and mends a broken file", async () => {
    const directory = mkdtempSync(join(tmpdir(), "tsrun-seccomp-"));
    try {
      let builds = 0;
      const build = () => {
        builds++;
        return program;
      };
      const cache = join(directory, "cache");
      for (let time = 0; time < 3; time++)
        expect([...(await cachedFilter(cache, "a", build))]).toEqual([...program]);
      expect(builds).toBe(1);
      await cachedFilter(cache, "b", build);
      expect(builds).toBe(2);
      for (const name of readdirSync(cache)) writeFileSync(join(cache, name), "trunc");
      expect([...(await cachedFilter(cache, "a", build))]).toEqual([...program]);
      expect(builds).toBe(3);
      expect(readdirSync(cache)).toHaveLength(2);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("is not needed for the result", async () => {
    expect([...(await cachedFilter("/dev/null/cache", "a", () => program))]).toEqual([...program]);
  });
});
