import { describe, expect, test } from "vitest";
import { defaultDevices } from "../../../src/engine/devices.ts";
import { needsNoDecision } from "../../../src/engine/mounts.ts";
import { buildOciConfig, cgroupPath, type OciConfigInput } from "../../../src/engine/oci-config.ts";
import { buildExecProcess } from "../../../src/engine/process.ts";
import { MASKED_PATHS, READONLY_PATHS } from "../../../src/engine/system-paths.ts";
import type { ContainerOptions } from "../../../src/engine/types.ts";

const ID = "0123456789ab".padEnd(64, "c");
const ROOT = { uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" };
const APP = { uid: 1000, gid: 1000, additionalGids: [1000], home: "/home/app" };

function build(options: Partial<ContainerOptions> = {}, more: Partial<OciConfigInput> = {}) {
  return buildOciConfig({
    id: ID,
    options: { image: "alpine", command: ["sh"], ...options },
    mounts: (options.mounts ?? []).filter(needsNoDecision),
    image: {},
    containerDir: "/var/lib/tsrun/containers/x",
    hostname: "0123456789ab",
    user: ROOT,
    capabilities: ["CAP_CHOWN", "CAP_KILL"],
    seccomp: { defaultAction: "SCMP_ACT_ERRNO" },
    devices: [],
    files: { hosts: "/c/hosts", hostname: "/c/hostname", resolvConf: "/c/resolv.conf" },
    initBinary: "/opt/tsrun-init",
    defaultUlimits: {},
    thermalThrottle: ["/sys/devices/system/cpu/cpu0/thermal_throttle"],
    ...more,
  });
}

describe("buildOciConfig", () => {
  test("an ordinary container", () => {
    const config = build();
    expect(config).toMatchObject({
      ociVersion: "1.2.0",
      hostname: "0123456789ab",
      root: { path: "/var/lib/tsrun/containers/x/merged", readonly: false },
      process: {
        terminal: false,
        cwd: "/",
        args: ["sh"],
        env: [
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          "HOSTNAME=0123456789ab",
          "HOME=/root",
        ],
        user: { uid: 0, gid: 0, umask: 0o022, additionalGids: [0, 10] },
        capabilities: {
          bounding: ["CAP_CHOWN", "CAP_KILL"],
          effective: ["CAP_CHOWN", "CAP_KILL"],
          permitted: ["CAP_CHOWN", "CAP_KILL"],
          inheritable: [],
          ambient: [],
        },
        noNewPrivileges: false,
      },
      linux: {
        cgroupsPath: `/tsrun/${ID}`,
        sysctl: { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" },
        seccomp: { defaultAction: "SCMP_ACT_ERRNO" },
        devices: defaultDevices(),
        maskedPaths: [...MASKED_PATHS, "/sys/devices/system/cpu/cpu0/thermal_throttle"],
        readonlyPaths: READONLY_PATHS,
      },
    });
    expect(config.linux.namespaces.map(({ type }) => type).sort()).toEqual([
      "cgroup",
      "ipc",
      "mount",
      "network",
      "pid",
      "uts",
    ]);
    expect(MASKED_PATHS).toContain("/proc/kcore");
    for (const absent of ["rlimits", "oomScoreAdj", "consoleSize"])
      expect(config.process).not.toHaveProperty(absent);
    for (const absent of ["domainname", "annotations"]) expect(config).not.toHaveProperty(absent);
    expect(config.linux).not.toHaveProperty("rootfsPropagation");
  });

  test("another user than root holds nothing, but may gain what is bounded", () => {
    const { process } = build({}, { user: APP });
    expect(process.capabilities).toEqual({
      bounding: ["CAP_CHOWN", "CAP_KILL"],
      effective: [],
      permitted: [],
      inheritable: [],
      ambient: [],
    });
    expect(process.env).toContain("HOME=/home/app");
  });

  test("--privileged", () => {
    const devices = [
      { node: { type: "b" as const, path: "/dev/sda", major: 8, minor: 0 }, permissions: "rwm" },
    ];
    const { linux, mounts } = build({ privileged: true }, { devices, seccomp: undefined });
    expect(linux).toMatchObject({
      maskedPaths: [],
      readonlyPaths: [],
      resources: { devices: [{ allow: true, access: "rwm" }] },
    });
    expect(linux).not.toHaveProperty("seccomp");
    expect(linux.devices?.map(({ path }) => path)).toContain("/dev/sda");
    expect(mounts.find(({ destination }) => destination === "/sys")?.options).not.toContain("ro");
  });

  test("--device in the place of a default node, and its rule", () => {
    const node = { type: "c" as const, path: "/dev/random", major: 1, minor: 9 };
    const { linux } = build({}, { devices: [{ node, permissions: "r" }] });
    expect(linux.devices?.filter(({ path }) => path === "/dev/random")).toEqual([node]);
    expect(linux.resources?.devices?.at(-1)).toEqual({
      allow: true,
      type: "c",
      major: 1,
      minor: 9,
      access: "r",
    });
  });

  test("no nodes are made in a /dev of the host, but in a tmpfs of the user's", () => {
    const bind = {
      type: "bind",
      source: "/dev",
      target: "/dev",
      readOnly: false,
      sourceMustExist: false,
    } as const;
    expect(build({ mounts: [bind] }).linux.devices).toEqual([]);
    expect(build({ mounts: [{ type: "tmpfs", target: "/dev/", options: [] }] }).linux.devices).toEqual(
      defaultDevices(),
    );
  });

  test("--init", () => {
    const { process, mounts } = build({ init: true, command: ["sleep", "1"] });
    expect(process.args).toEqual(["/dev/init", "--", "sleep", "1"]);
    expect(mounts).toContainEqual({
      destination: "/dev/init",
      type: "bind",
      source: "/opt/tsrun-init",
      options: ["bind", "rprivate", "ro"],
    });
  });

  test("--network host shares the namespace and so sets no sysctl of it", () => {
    const { linux } = build({ network: "host" });
    expect(linux.namespaces.map(({ type }) => type)).not.toContain("network");
    expect(linux.sysctl).toEqual({});
    expect(build({ network: "none" }).linux.namespaces).toContainEqual({ type: "network" });
  });

  test("options that map one to one", () => {
    const config = build(
      {
        tty: true,
        workdir: "/srv",
        domainname: "example.org",
        readOnly: true,
        oomScoreAdj: 500,
        annotations: { k: "v" },
        securityOpt: ["no-new-privileges", "systempaths=unconfined"],
        ulimits: [{ name: "nofile", soft: 1, hard: 2 }],
        sysctls: { "kernel.sem": "1 2 3 4" },
        shmSize: 1024,
        resources: { memory: { limit: 1 << 26 }, pids: { limit: 30 } },
        env: ["A=1"],
      },
      { size: { rows: 24, columns: 80 } },
    );
    expect(config).toMatchObject({
      domainname: "example.org",
      annotations: { k: "v" },
      root: { readonly: true },
      process: {
        terminal: true,
        consoleSize: { height: 24, width: 80 },
        cwd: "/srv",
        oomScoreAdj: 500,
        noNewPrivileges: true,
        rlimits: [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 }],
      },
      linux: {
        maskedPaths: [],
        readonlyPaths: [],
        resources: { memory: { limit: 1 << 26 }, pids: { limit: 30 } },
        sysctl: { "kernel.sem": "1 2 3 4" },
      },
    });
    expect(config.process.env.slice(1)).toEqual(["HOSTNAME=0123456789ab", "TERM=xterm", "A=1", "HOME=/root"]);
    expect(config.mounts.find(({ destination }) => destination === "/dev/shm")?.options).toContain(
      "size=1024",
    );
    expect(config.linux.resources?.devices?.[0]).toEqual({ allow: false, access: "rwm" });
  });

  test("a shared or slave bind needs a root that propagates", () => {
    const bind = (propagation: "rshared" | "rslave" | "rprivate", target: string) =>
      ({ type: "bind", source: "/s", target, readOnly: false, sourceMustExist: true, propagation }) as const;
    const propagation = (...mounts: ReturnType<typeof bind>[]) => build({ mounts }).linux.rootfsPropagation;
    expect(propagation(bind("rprivate", "/a"))).toBeUndefined();
    expect(propagation(bind("rslave", "/a"))).toBe("rslave");
    expect(propagation(bind("rslave", "/a"), bind("rshared", "/b"))).toBe("shared");
  });

  test("the configuration is data: it survives JSON", () => {
    const config = build({ tty: true, init: true });
    expect(JSON.parse(JSON.stringify(config))).toEqual(config);
  });
});

test.each([
  [undefined, `/tsrun/${ID}`],
  ["mine", `/mine/${ID}`],
  ["/a/b/", `/a/b/${ID}`],
  ["../../x", `/x/${ID}`],
])("cgroupPath below %s", (cgroupParent, expected) => {
  expect(cgroupPath({ image: "i", ...(cgroupParent === undefined ? {} : { cgroupParent }) }, ID)).toBe(
    expected,
  );
});

describe("buildExecProcess", () => {
  const container = build({
    workdir: "/srv",
    oomScoreAdj: 5,
    tty: true,
    env: ["A=1", "B=1"],
    ulimits: [{ name: "core", soft: 0, hard: 0 }],
    securityOpt: ["no-new-privileges"],
  }).process;
  const context = { container, env: ["A=1", "B=1"], hostname: "box", user: ROOT, capabilities: ["CAP_KILL"] };

  test("takes over the container's environment, directory and limits", () => {
    const process = buildExecProcess({ command: ["ls"] }, context);
    expect(process).toMatchObject({
      args: ["ls"],
      cwd: "/srv",
      terminal: false,
      noNewPrivileges: true,
      oomScoreAdj: 5,
      rlimits: [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }],
    });
    expect(process.env.slice(1)).toEqual(["HOSTNAME=box", "A=1", "B=1", "HOME=/root"]);
    expect(process.capabilities?.effective).toEqual(["CAP_KILL"]);
  });

  test("but for what the options say", () => {
    const options = {
      command: ["ls"],
      env: ["B=2", "C=3"],
      workdir: "/tmp",
      tty: true,
      size: { rows: 1, columns: 2 },
    };
    const process = buildExecProcess(options, { ...context, user: APP });
    expect(process).toMatchObject({
      cwd: "/tmp",
      terminal: true,
      consoleSize: { height: 1, width: 2 },
      user: { uid: 1000, gid: 1000 },
      capabilities: { effective: [], bounding: ["CAP_KILL"] },
    });
    expect(process.env.slice(1)).toEqual([
      "HOSTNAME=box",
      "TERM=xterm",
      "A=1",
      "B=2",
      "C=3",
      "HOME=/home/app",
    ]);
  });

  test("refuses a relative directory and a bad variable", () => {
    expect(() => buildExecProcess({ command: ["ls"], workdir: "x" }, context)).toThrow(
      "the working directory 'x' is invalid",
    );
    expect(() => buildExecProcess({ command: ["ls"], env: ["=x"] }, context)).toThrow(
      "invalid environment variable: =x",
    );
  });
});
