import { describe, expect, test } from "vitest";
import { parseConfig, parseProcess } from "../../../../src/runtime/oci-validate/read.ts";

const BASE = {
  ociVersion: "1.2.0",
  process: { cwd: "/", args: ["sh"], user: { uid: 0, gid: 0 } },
  root: { path: "rootfs" },
  linux: {
    namespaces: ["mount", "pid", "uts", "ipc", "network"].map((type) => ({ type })) as object[],
  },
};

interface Result {
  config: ReturnType<typeof parseConfig>;
  warnings: string[];
}

function parsed(more: object | string = {}, context: { rootless?: boolean; noPivot?: boolean } = {}): Result {
  const warnings: string[] = [];
  const text = typeof more === "string" ? more : JSON.stringify({ ...BASE, ...more });
  const config = parseConfig(text, {
    bundle: "/bundle",
    warn: (message) => warnings.push(message),
    ...context,
  });
  return { config, warnings };
}

const linux = (more: object): object => ({ linux: { ...BASE.linux, ...more } });
const process = (more: object): object => ({ process: { ...BASE.process, ...more } });
const without = (type: string): object[] =>
  (BASE.linux.namespaces as { type: string }[]).filter((namespace) => namespace.type !== type);

describe("what is read", () => {
  test("keys in any case, null as absent, unknown ones left out", () => {
    const { config } = parsed(
      '{"OCIVersion":"1.2.0","Root":{"PATH":"r"},"process":null,"linux":{"Namespaces":[]},"vm":{"x":1}}',
    );
    expect(config).toEqual({
      ociVersion: "1.2.0",
      root: { path: "r" },
      mounts: [],
      linux: { namespaces: [] },
    });
  });

  test("64-bit numbers of a filter, to the last bit", () => {
    const text = JSON.stringify({
      ...BASE,
      ...linux({
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [
            {
              names: ["clone"],
              action: "SCMP_ACT_ERRNO",
              args: [{ index: 0, value: "BIG", valueTwo: 7, op: "SCMP_CMP_MASKED_EQ" }],
            },
          ],
        },
      }),
    }).replace('"BIG"', "18446744073709551615");
    const [rule] = parsed(text).config.linux.seccomp?.syscalls ?? [];
    expect(rule?.args).toEqual([
      { index: 0, value: "18446744073709551615", valueTwo: 7, op: "SCMP_CMP_MASKED_EQ" },
    ]);
  });

  test("the largest limit is none, and others never grow by rounding", () => {
    const text = JSON.stringify({
      ...BASE,
      ...process({ rlimits: [{ type: "RLIMIT_NOFILE", soft: 10, hard: "HARD" }] }),
      ...linux({ resources: { memory: { limit: "LIMIT" } } }),
    })
      .replace('"HARD"', "18446744073709551615")
      .replace('"LIMIT"', "9223372036854775807");
    const { config } = parsed(text);
    expect(config.process?.rlimits).toEqual([{ type: "RLIMIT_NOFILE", soft: 10, hard: -1 }]);
    expect(BigInt(config.linux.resources?.memory?.limit ?? 0)).toBe(9223372036854774784n);
  });

  test("relative sources are the bundle's, destinations the root's", () => {
    const { config, warnings } = parsed({
      mounts: [
        { destination: "data", source: "src", options: ["rbind"] },
        { destination: "/bundle/rootfs/in", type: "tmpfs", source: "tmpfs" },
      ],
    });
    expect(config.mounts.map(({ destination, source }) => [destination, source])).toEqual([
      ["/data", "/bundle/src"],
      ["/in", "tmpfs"],
    ]);
    expect(warnings).toEqual(["mount destination data is not absolute: it is taken as relative to /"]);
  });

  test("a mode without the bits of its type", () => {
    const devices = [{ type: "c", path: "/dev/x", major: 1, minor: 3, fileMode: 0o020660 }];
    expect(parsed(linux({ devices })).config.linux.devices?.[0]?.fileMode).toBe(0o660);
  });

  test("capabilities that are not known are told, and those that cannot be ambient", () => {
    const { config, warnings } = parsed(
      process({
        capabilities: {
          bounding: ["CAP_KILL", "CAP_UNKNOWN"],
          permitted: ["CAP_KILL"],
          inheritable: ["CAP_KILL"],
          ambient: ["CAP_KILL", "CAP_CHOWN"],
        },
      }),
    );
    expect(config.process?.capabilities).toEqual({
      bounding: ["CAP_KILL"],
      effective: [],
      inheritable: ["CAP_KILL"],
      permitted: ["CAP_KILL"],
      ambient: ["CAP_KILL"],
    });
    expect(warnings).toEqual([
      "ignoring unknown or unavailable capabilities: [CAP_UNKNOWN]",
      "can't raise ambient capability CAP_CHOWN: operation not permitted",
    ]);
  });

  test("a seccomp object that says nothing is no filter", () => {
    expect(parsed(linux({ seccomp: {} })).config.linux.seccomp).toBeUndefined();
  });
});

describe("what is refused", () => {
  const userns = {
    namespaces: [...BASE.linux.namespaces, { type: "user" }],
    uidMappings: [{ containerID: 0, hostID: 1, size: 1 }],
    gidMappings: [{ containerID: 0, hostID: 1, size: 1 }],
  };
  const notify = { defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/run/agent.sock" };
  const cases: [string, object | string, string][] = [
    ["what is no JSON", "{", "config.json is not valid JSON"],
    ["nothing", "null", "an object is needed, not null"],
    ["no version", { ociVersion: undefined }, "ociVersion is missing"],
    ["another major version", { ociVersion: "2.0.0" }, "ociVersion 2.0.0 is not supported"],
    ["a string for a boolean", process({ terminal: "yes" }), "process.terminal: true or false is needed"],
    [
      "a number for a string",
      process({ args: ["a", 1] }),
      "process.args[1]: a string is needed, not a number",
    ],
    ["a negative user", process({ user: { uid: -1, gid: 0 } }), "process.user.uid: -1 is out of range"],
    ["a NUL in a path", { mounts: [{ destination: "/a\0b" }] }, "field contains null byte"],
    ["no root", { root: undefined }, "root must be specified"],
    ["no directory", process({ cwd: "" }), "Cwd property must not be empty"],
    ["a relative directory", process({ cwd: "a" }), "Cwd must be an absolute path"],
    ["no arguments", process({ args: [] }), "args must not be empty"],
    ["an unknown limit", process({ rlimits: [{ type: "X", soft: 1, hard: 1 }] }), "wrong rlimit value: X"],
    [
      "a limit twice",
      process({ rlimits: [1, 2].map((soft) => ({ type: "RLIMIT_CPU", soft, hard: 9 })) }),
      "two entries for RLIMIT_CPU",
    ],
    ["a niceness", process({ scheduler: { policy: "SCHED_OTHER", nice: 20 } }), "invalid scheduler.nice: 20"],
    ["an I/O class", process({ ioPriority: { class: "X", priority: 1 } }), "invalid ioPriority.Class"],
    ["an affinity", process({ execCPUAffinity: { initial: "a" } }), "bad CPUAffinity.Initial"],
    ["a hostname of the host", { hostname: "x", linux: { namespaces: without("uts") } }, "UTS namespace"],
    ["an unknown namespace", linux({ namespaces: [{ type: "x" }] }), 'namespace {"x" ""} does not exist'],
    [
      "a namespace twice",
      linux({ namespaces: [{ type: "pid" }, { type: "pid" }] }),
      'duplicated ns {"pid" ""}',
    ],
    ["a relative namespace", linux({ namespaces: [{ type: "pid", path: "x" }] }), "is not absolute"],
    ["mappings for nobody", linux({ uidMappings: userns.uidMappings }), "user namespace isn't enabled"],
    ["nobody mapped", linux({ ...userns, uidMappings: undefined, gidMappings: undefined }), "nor mappings"],
    [
      "a root that is nobody",
      linux({ ...userns, uidMappings: [{ containerID: 1, hostID: 1, size: 1 }] }),
      "Container UID 0 cannot be mapped",
    ],
    ["offsets of the host's clocks", linux({ timeOffsets: { boottime: { secs: 1 } } }), "time namespace"],
    [
      "the host's settings",
      linux({ sysctl: { "vm.swappiness": "1" } }),
      "not in a separate kernel namespace",
    ],
    [
      "a setting of the host's network",
      linux({ namespaces: without("network"), sysctl: { "net/ipv4/ip_forward": "1" } }),
      "not allowed in host network namespace",
    ],
    ["a way out of /proc/sys", linux({ sysctl: { "net./etc/passwd": "1" } }), "is no name of a setting"],
    ["a propagation", linux({ rootfsPropagation: "x" }), "rootfsPropagation=x is not supported"],
    ["a personality", linux({ personality: { domain: "BSD" } }), "invalid personality domain BSD"],
    ["a device type", linux({ devices: [{ type: "x", path: "/dev/x" }] }), 'invalid device type "x"'],
    [
      "data of a bind mount",
      { mounts: [{ destination: "/a", source: "/a", options: ["bind", "size=1"] }] },
      "filesystem-specific options",
    ],
    [
      "something else as /proc",
      { mounts: [{ destination: "/proc", type: "tmpfs" }] },
      "it is not of type proc",
    ],
    [
      "a directory as /proc",
      { mounts: [{ destination: "/proc/", source: "/usr", options: ["rbind"] }] },
      "it is not of type proc",
    ],
    ["a mount in /proc", { mounts: [{ destination: "/proc/self", type: "tmpfs" }] }, "it is inside /proc"],
    [
      "owners of a tmpfs",
      { mounts: [{ destination: "/a", type: "tmpfs", options: ["idmap"] }] },
      "only supported for bind-mounts",
    ],
    ["an action", linux({ seccomp: { defaultAction: "X" } }), "string X is not a valid action"],
    [
      "an operator",
      linux({
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["a"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 1, op: "X" }] }],
        },
      }),
      "string X is not a valid operator",
    ],
    ["an errno of none", linux({ seccomp: { ...notify, defaultErrnoRet: 1 } }), "returns no errno"],
    [
      "an agent for all",
      linux({ seccomp: { ...notify, defaultAction: "SCMP_ACT_NOTIFY" } }),
      "cannot be used as default action",
    ],
    [
      "an agent for write",
      linux({ seccomp: { ...notify, syscalls: [{ names: ["write"], action: "SCMP_ACT_NOTIFY" }] } }),
      "cannot be used for the write syscall",
    ],
    [
      "an agent without a socket",
      linux({
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
        },
      }),
      "seccomp listenerPath is not set",
    ],
    ["nodes of a policy", linux({ memoryPolicy: { mode: "MPOL_BIND" } }), "requires at least one node"],
    ["a policy's mode", linux({ memoryPolicy: { nodes: "0" } }), "invalid memory policy mode"],
    [
      "devices for the host's network",
      linux({ namespaces: without("network"), netDevices: { eth0: {} } }),
      "without a NET namespace",
    ],
    [
      "a device's name",
      linux({ netDevices: { eth0: { name: "a/b" } } }),
      'invalid network device name "a/b"',
    ],
    ["resctrl", linux({ intelRdt: { closID: "x" } }), "intelRdt is specified in config"],
    ["a relative hook", { hooks: { prestart: [{ path: "x" }] } }, "hooks.prestart[0]: path must be absolute"],
    ["no time for a hook", { hooks: { poststop: [{ path: "/x", timeout: 0 }] } }, "greater than 0"],
  ];
  test.each(cases)("%s", (_, more, message) => {
    expect(() => parsed(more)).toThrow(
      expect.objectContaining({
        code: "ERR_TSRUN_OCI_CONFIG_INVALID",
        message: expect.stringContaining(message),
        exitCode: 1,
      }),
    );
  });

  test("without privileges: a container without a user namespace, owners that nobody is", () => {
    expect(() => parsed({}, { rootless: true })).toThrow("requires user namespaces");
    const mounts = [{ destination: "/a", type: "tmpfs", options: ["uid=5"] }];
    expect(() => parsed({ mounts, ...linux(userns) }, { rootless: true })).toThrow("cannot specify uid=5");
    expect(parsed({ ...linux(userns) }, { rootless: true }).warnings).toEqual([]);
  });

  test("a private root without pivot_root", () => {
    const private_ = linux({ rootfsPropagation: "rprivate" });
    expect(() => parsed(private_, { noPivot: true })).toThrow("not safe without pivot_root");
    expect(parsed(private_).config.linux.rootfsPropagation).toBe("rprivate");
  });

  test("a process of its own, as a configuration's", () => {
    const warn = (): void => {};
    expect(() => parseProcess('{"cwd":"/"}', { warn })).toThrow("args must not be empty");
    expect(parseProcess('{"Cwd":"/","Args":["a"],"Env":null}', { warn })).toEqual({
      cwd: "/",
      args: ["a"],
      env: [],
      user: { uid: 0, gid: 0 },
    });
  });
});
