import { describe, expect, test } from "vitest";
import { checkPropagation } from "../../../src/engine/bind-sources.ts";
import { type MountContext, resolveMounts, validateMounts } from "../../../src/engine/mounts.ts";
import { mergeTmpfsOptions } from "../../../src/engine/tmpfs-options.ts";
import type { BindRequest, MountRequest, TmpfsRequest } from "../../../src/engine/types.ts";

const bind = (target: string, more: Partial<BindRequest> = {}): BindRequest => ({
  type: "bind",
  source: "/src",
  target,
  readOnly: false,
  sourceMustExist: true,
  ...more,
});
const tmpfs = (target: string, options: string[] = []): TmpfsRequest => ({ type: "tmpfs", target, options });

function mounts(requests: (BindRequest | TmpfsRequest)[], more: Partial<MountContext> = {}) {
  return resolveMounts({
    requests,
    files: { hosts: "/c/hosts", hostname: "/c/hostname", resolvConf: "/c/resolv.conf" },
    readOnlyRoot: false,
    privileged: false,
    shmSize: 67108864,
    initBinary: undefined,
    ...more,
  });
}
const at = (list: ReturnType<typeof mounts>, destination: string) =>
  list.filter((mount) => mount.destination === destination);
const targets = (list: ReturnType<typeof mounts>) => list.map((mount) => mount.destination);

describe("resolveMounts", () => {
  test("what every container gets, in the order of making", () => {
    const list = mounts([]);
    expect(targets(list)).toEqual([
      "/proc",
      "/dev",
      "/sys",
      "/dev/pts",
      "/dev/mqueue",
      "/dev/shm",
      "/etc/resolv.conf",
      "/etc/hostname",
      "/etc/hosts",
      "/sys/fs/cgroup",
    ]);
    expect(at(list, "/dev/shm")[0]?.options).toContain("size=67108864");
    expect(at(list, "/sys")[0]?.options).toContain("ro");
    expect(at(list, "/sys/fs/cgroup")[0]).toEqual({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "ro"],
    });
    expect(at(list, "/etc/hosts")[0]?.options).toEqual(["rbind", "rprivate"]);
  });

  test("parents come before children, whatever the order asked", () => {
    const list = targets(mounts([bind("/a/b/c"), tmpfs("/a/b"), bind("/a"), bind("/etc")]));
    for (const [index, target] of list.entries()) {
      const later = list.slice(index + 1);
      expect(
        later.filter((other) => target.startsWith(`${other}/`)),
        target,
      ).toEqual([]);
    }
  });

  test("options of binds", () => {
    const options = (request: BindRequest) => at(mounts([request]), "/x")[0]?.options;
    expect(options(bind("/x"))).toEqual(["rbind", "rprivate"]);
    expect(options(bind("/x", { readOnly: true }))).toEqual(["rbind", "rprivate", "rro"]);
    expect(options(bind("/x", { readOnly: true, recursive: false }))).toEqual(["bind", "rprivate", "ro"]);
    expect(options(bind("/x", { propagation: "rshared" }))).toEqual(["rbind", "rshared"]);
    expect(options(bind("//x/y/../"))).toEqual(["rbind", "rprivate"]);
  });

  test("a request replaces the default mount at its target, and those below", () => {
    expect(at(mounts([tmpfs("/dev/shm", ["size=1m"])]), "/dev/shm")).toEqual([
      {
        destination: "/dev/shm",
        type: "tmpfs",
        source: "tmpfs",
        options: ["noexec", "nosuid", "nodev", "size=1m"],
      },
    ]);
    const dev = mounts([bind("/dev", { source: "/dev" })]);
    expect(targets(dev).filter((target) => target.startsWith("/dev"))).toEqual(["/dev"]);
    const sys = mounts([bind("/sys", { source: "/sys" })]);
    expect(targets(sys).filter((target) => target.startsWith("/sys"))).toEqual(["/sys"]);
    expect(at(mounts([bind("/proc", { source: "/proc" })]), "/proc")[0]?.type).toBe("bind");
    expect(at(mounts([bind("/etc/hosts", { source: "/mine" })]), "/etc/hosts")).toMatchObject([
      { source: "/mine" },
    ]);
    expect(at(mounts([bind("/device")]), "/dev")).toHaveLength(1);
  });

  test("a bind over /etc still gets the network files on top", () => {
    const list = targets(mounts([bind("/etc")]));
    expect(list.indexOf("/etc/hosts")).toBeGreaterThan(list.indexOf("/etc"));
  });

  test("--read-only and --privileged", () => {
    expect(at(mounts([], { readOnlyRoot: true }), "/etc/hosts")[0]?.options).toContain("ro");
    const list = mounts([], { privileged: true });
    expect(at(list, "/sys")[0]?.options).not.toContain("ro");
    expect(at(list, "/sys/fs/cgroup")[0]?.options).not.toContain("ro");
  });

  test("--init leaves the image alone, and a /dev of the user's too", () => {
    const expected = { type: "bind", source: "/lib/init", options: ["bind", "rprivate", "ro"] };
    expect(at(mounts([], { initBinary: "/lib/init" }), "/dev/init")).toEqual([
      { destination: "/dev/init", ...expected },
    ]);
    const list = mounts([bind("/dev")], { initBinary: "/lib/init" });
    expect(at(list, "/dev/init")).toEqual([]);
    expect(at(list, "/sbin/docker-init")).toEqual([{ destination: "/sbin/docker-init", ...expected }]);
  });
});

describe("validateMounts", () => {
  test.each<[string, MountRequest[], string]>([
    ["twice the same", [bind("/x"), tmpfs("/x/")], "Duplicate mount point: /x"],
    [
      "a relative target",
      [bind("x")],
      `invalid mount config for type "bind": invalid mount path: 'x' mount path must be absolute`,
    ],
    [
      "a relative source",
      [bind("/x", { source: "y" })],
      "invalid mount path: 'y' mount path must be absolute",
    ],
    [
      "the root",
      [tmpfs("/a/..")],
      `invalid mount config for type "tmpfs": invalid specification: destination can't be '/'`,
    ],
    [
      "inside /proc",
      [bind("/proc/self/attr")],
      '"/proc/self/attr" cannot be mounted because it is inside /proc',
    ],
    ["a tmpfs option", [tmpfs("/x", ["sizes=1m"])], 'invalid tmpfs option "sizes=1m"'],
  ])("refuses %s", (_, requests, message) => {
    expect(() => validateMounts(requests)).toThrow(message);
  });
  test("takes the rest", () => {
    expect(() =>
      validateMounts([bind("/proc"), bind("/proc/cpuinfo"), bind("/dev"), tmpfs("/run")]),
    ).not.toThrow();
  });
});

describe("mergeTmpfsOptions", () => {
  test.each([
    [[], ["noexec", "nosuid", "nodev"]],
    [
      ["exec", "size=64m"],
      ["nosuid", "nodev", "exec", "size=64m"],
    ],
    [
      ["rw", "ro", "size=1", "size=2"],
      ["noexec", "nosuid", "nodev", "ro", "size=2"],
    ],
    [
      ["defaults", "mode=1777", "noatime"],
      ["noexec", "nosuid", "nodev", "mode=1777", "noatime"],
    ],
  ])("%j", (asked, expected) => {
    expect(mergeTmpfsOptions(asked)).toEqual(expected);
  });
  test.each(["bind", "remount", "foo", "size", "lowerdir=/"])("refuses %s", (option) => {
    expect(() => mergeTmpfsOptions([option])).toThrow(`invalid tmpfs option "${option}"`);
  });
});

describe("checkPropagation", () => {
  const mountinfo = [
    "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw",
    "23 22 0:5 / /data rw - tmpfs t rw",
    "24 22 0:6 / /my\\040data rw master:3 propagate_from:2 - tmpfs t rw",
    "25 22 0:7 / /both rw shared:9 master:3 - tmpfs t rw",
  ].join("\n");
  test.each([
    ["/srv", "rshared"],
    ["/srv", "slave"],
    ["/my data/x", "rslave"],
    ["/both", "shared"],
    ["/database", "shared"],
  ])("%s may be %s", (source, propagation) => {
    expect(() => checkPropagation(source, propagation, mountinfo)).not.toThrow();
  });
  test.each([
    ["/data/x", "rshared", "path /data/x is mounted on /data but it is not a shared mount"],
    ["/data", "rslave", "path /data is mounted on /data but it is not a shared or slave mount"],
    ["/my data", "shared", "path /my data is mounted on /my data but it is not a shared mount"],
  ])("%s may not be %s", (source, propagation, message) => {
    expect(() => checkPropagation(source, propagation, mountinfo)).toThrow(message);
  });
});
