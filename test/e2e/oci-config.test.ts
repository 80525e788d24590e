/** What a bundle's configuration may ask of bin/tsrun-oci, and what the container finds then. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { isRootless } from "../../src/kernel/rootless.ts";
import { type Config, createOci, type Oci, TSRUN_OCI } from "../support/oci.ts";

let it: Oci;
beforeAll(() => {
  it = createOci();
});
afterAll(() => it.close());

let count = 0;

/** What a script says in a container that is run to its end. */
function said(script: string, change: (config: Config) => void = () => {}): string {
  const id = `config-${++count}`;
  const bundle = it.bundle(id, (config) => {
    config.process.args = ["sh", "-c", script];
    change(config);
  });
  const { code, stdout, stderr } = it.oci("run", "-b", bundle, id);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trim();
}

/** An ordinary user has no more than 65536. */
const FIRST_ID = isRootless() ? 10_000 : 100_000;

const USER = (config: Config): void => {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: FIRST_ID, size: 1000 }];
  config.linux.gidMappings = config.linux.uidMappings;
};

describe("a configuration", () => {
  test("that cannot be is refused before anything is made, by what is wrong with it", () => {
    const bundle = it.bundle("wrong", (config) => {
      config.linux.sysctl = { "vm.swappiness": "1" };
    });
    expect(it.oci("run", "-b", bundle, "wrong")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('sysctl \\"vm.swappiness\\" is not in a separate kernel namespace'),
    });
    expect(it.oci("list", "-q").stdout).not.toContain("wrong");
  });

  test("is read as Go reads it", () => {
    const bundle = it.bundle("go", (config) => {
      config.process.args = ["echo", "read"];
    });
    const file = join(bundle, "config.json");
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace('"ociVersion"', '"OCIVERSION"').replace('"args"', '"Args"'),
    );
    expect(it.oci("run", "-b", bundle, "go").stdout).toBe("read\n");
  });

  test("may ask for memory of a node", () => {
    const policy = said("busybox head -n 1 /proc/self/numa_maps", (config) => {
      config.linux.memoryPolicy = { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] };
    });
    expect(policy).toMatch(/ bind=static:0 /);
  });

  test("shares its root's mounts with those that it lets", () => {
    const roots = said("busybox grep ' / rw' /proc/self/mountinfo", (config) => {
      config.linux.rootfsPropagation = "rshared";
    });
    expect(roots).toMatch(/ shared:\d+ /);
  });

  test("shows a container its own cgroup where it has no namespace for that", () => {
    const tree = existsSync("/sys/fs/cgroup/memory") ? "memory/" : "";
    const processes = said(`cat /sys/fs/cgroup/${tree}cgroup.procs`, (config) => {
      config.mounts.push(
        { destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro"] },
        { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "relatime"] },
      );
    });
    expect(processes).toMatch(/^1$/m);
  });

  test("maps the owners of a part of the container itself, in a user namespace too", () => {
    chmodSync(it.directory, 0o711); // who looks for the source is the container's root
    const owners = said("busybox stat -c %u /part/file", (config) => {
      USER(config);
      const part = join(it.directory, `config-${count}`, "rootfs", "whole");
      mkdirSync(part);
      mkdirSync(join(part, "../part"));
      writeFileSync(join(part, "file"), "");
      const mount = (destination: string, ...options: string[]) => ({ destination, source: part, options });
      config.mounts.push(mount("/part", "rbind", "idmap"));
    });
    // Root of the host in the source is root of the container in the mount.
    expect(owners).toBe("0");
  });

  test("hides directories with one empty filesystem", () => {
    const devices = said(
      "busybox stat -c %d /a /b; busybox grep -c ' /a ' /proc/self/mountinfo",
      (config) => {
        config.mounts.push({ destination: "/a", type: "tmpfs" }, { destination: "/b", type: "tmpfs" });
        config.linux.maskedPaths = ["/a", "/b", "/a"];
      },
    ).split("\n");
    expect(devices[0]).toBe(devices[1]);
    expect(devices[2]).toBe("2"); // the tmpfs and its mask
  });
});

describe("namespaces of others", () => {
  test("a user namespace and what belongs to it, and processes that join them later", () => {
    const first = it.bundle("first", USER);
    expect(it.oci("run", "-d", "-b", first, "first").code).toBe(0);
    const { pid } = it.state("first");
    const joined = said("cat /proc/self/uid_map; busybox readlink /proc/self/ns/ipc; id -u", (config) => {
      config.linux.namespaces = [
        ...["user", "network", "ipc"].map((type) => ({
          type,
          path: `/proc/${pid}/ns/${type === "network" ? "net" : type}`,
        })),
        ...["pid", "uts", "mount"].map((type) => ({ type })),
      ];
    }).split(/\s+/);
    const ipc = it.oci("exec", "first", "busybox", "readlink", "/proc/self/ns/ipc").stdout.trim();
    expect(joined).toEqual(["0", String(FIRST_ID), "1000", ipc, "0"]);
    expect(it.oci("exec", "first", "id", "-u")).toEqual({ code: 0, stdout: "0\n", stderr: "" });
    expect(it.oci("delete", "-f", "first").code).toBe(0);
  });

  test("a mount namespace that somebody keeps", async () => {
    const holder = spawn("unshare", ["-m", "--propagation", "private", "sleep", "60"], { stdio: "ignore" });
    const file = `/proc/${holder.pid}/ns/mnt`;
    const link = (path: string) => spawnSync("readlink", [path], { encoding: "utf8" }).stdout.trim();
    try {
      await expect.poll(() => link(file)).not.toBe(link("/proc/self/ns/mnt"));
      const inside = said("busybox readlink /proc/self/ns/mnt", (config) => {
        const others = config.linux.namespaces.filter(({ type }: { type: string }) => type !== "mount");
        config.linux.namespaces = [...others, { type: "mount", path: file }];
      });
      expect(inside).toBe(link(file));
    } finally {
      holder.kill("SIGKILL");
    }
  });
});

describe("what is said of", () => {
  const refusal = (name: string, change: (config: Config) => void): string => {
    const { code, stderr } = it.oci("run", "-b", it.bundle(name, change), name);
    expect(code).toBe(1);
    return stderr;
  };

  test("a root filesystem that is not there", () => {
    const said = refusal("no-root", (config) => {
      config.root.path = "nothing";
    });
    expect(said).toMatch(/invalid rootfs: ENOENT.*\/no-root\/nothing/);
  });

  test("a namespace that is not there, or of another kind", () => {
    const join = (path: string) => (config: Config) => {
      const others = config.linux.namespaces.filter(({ type }: { type: string }) => type !== "network");
      config.linux.namespaces = [...others, { type: "network", path }];
    };
    expect(refusal("no-namespace", join("/run/nothing"))).toContain("/run/nothing");
    expect(refusal("no-network", join("/proc/self/ns/ipc"))).toContain("is of no such namespace");
  });

  test("a user whom the user namespace does not know", () => {
    const said = refusal("unmapped", (config) => {
      USER(config);
      config.process.user = { uid: 5000, gid: 0 };
    });
    expect(said).toContain("user 5000: invalid argument: an id that the user namespace does not map");
  });

  test("what can be done about it, in the one line that engines pass on", () => {
    const bundle = it.bundle("systemd");
    const log = join(it.directory, "systemd.log");
    const { code } = it.oci(
      "--log",
      log,
      "--log-format",
      "json",
      "--systemd-cgroup",
      "create",
      "-b",
      bundle,
      "s",
    );
    expect(code).toBe(1);
    const lines = readFileSync(log, "utf8").trim().split("\n");
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      level: "error",
      msg: expect.stringMatching(/^--systemd-cgroup: .*SystemdCgroup = false for containerd$/),
    });
  });

  test("a log that cannot be written, and of what was to be in it", () => {
    const { code, stderr } = it.oci("--log", "/nowhere/log", "state", "nobody");
    expect(code).toBe(1);
    expect(stderr).toContain("--log /nowhere/log: ENOENT");
    expect(stderr).toContain("container does not exist");
  });
});

describe("network devices", () => {
  const ip = (...words: string[]) => spawnSync("ip", words, { encoding: "utf8" });
  const addPair = () =>
    expect(ip("link", "add", "oci-device", "type", "veth", "peer", "name", "oci-peer")).toMatchObject({
      stderr: "",
    });
  // Either end takes the other along; the kernel ends one that went with its namespace only some time after the container.
  afterEach(() => {
    for (const end of ["oci-device", "oci-peer"]) ip("link", "del", end);
  });

  test("of the host become the container's, with their addresses and by the name that is asked for", () => {
    addPair();
    for (const address of ["192.0.2.7/24", "2001:db8::7/64", "127.0.0.33/8"]) {
      ip("address", "add", address, "dev", "oci-device");
    }
    const shown = said("busybox ip address show dev net0; busybox ip link show lo", (config) => {
      config.linux.netDevices = { "oci-device": { name: "net0" } };
    });
    expect(shown).toContain("net0@");
    expect(shown).toMatch(/[<,]UP[,>]/);
    expect(shown).toContain("inet 192.0.2.7/24 ");
    expect(shown).toContain("inet6 2001:db8::7/64 ");
    expect(shown).not.toContain("127.0.0.33");
    expect(ip("link", "show", "oci-device").status).not.toBe(0);
  });

  test("get a number of the kernel's for %d, and no name that is taken", () => {
    addPair();
    const shown = said("busybox ip address", (config) => {
      config.linux.netDevices = { "oci-device": { name: "eth%d" }, "oci-peer": { name: "eth%d" } };
    });
    expect(shown).toMatch(/ eth0@.*[<,]UP[,>]/);
    expect(shown).toMatch(/ eth1@.*[<,]UP[,>]/);
    addPair();
    const bundle = it.bundle("taken", (config) => {
      config.linux.netDevices = { "oci-device": { name: "lo" } };
    });
    expect(it.oci("run", "-b", bundle, "taken")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("the container has a network device lo already"),
    });
    expect(ip("link", "show", "oci-device").status).toBe(0);
  });

  test("that are not there are an error, and leave nothing", () => {
    const bundle = it.bundle("no-device", (config) => {
      config.linux.netDevices = { "oci-device": {} };
    });
    expect(it.oci("run", "-b", bundle, "no-device")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("oci-device"),
    });
    expect(it.oci("list", "-q").stdout).not.toContain("no-device");
  });
});

describe("descriptors", () => {
  test("the caller's, at their numbers, and no other", () => {
    const bundle = it.bundle("kept", (config) => {
      config.process.args = ["sh", "-c", "cat <&3; cat <&4; busybox ls /proc/self/fd"];
    });
    writeFileSync(join(it.directory, "three"), "three\n");
    writeFileSync(join(it.directory, "four"), "four\n");
    const { stdout } = spawnSync(
      "/bin/sh",
      [
        "-c",
        'exec 3<three 4<four 7<four; exec "$@"',
        "sh",
        TSRUN_OCI,
        "--root",
        it.root,
        "run",
        "--preserve-fds",
        "2",
        "-b",
        bundle,
        "kept",
      ],
      { cwd: it.directory, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
    );
    expect(stdout.split(/\s+/).filter(Boolean)).toEqual(["three", "four", "0", "1", "2", "3", "4", "5"]);
  });

  test("a terminal that only looks like one is refused", () => {
    const bundle = it.bundle("fake", (config) => {
      config.process.terminal = true;
      config.mounts = config.mounts.filter(
        ({ destination }: { destination: string }) => destination !== "/dev/pts",
      );
    });
    mkdirSync(join(bundle, "rootfs", "dev", "pts"), { recursive: true });
    writeFileSync(join(bundle, "rootfs", "dev", "pts", "ptmx"), "");
    const config = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8"));
    config.mounts = config.mounts.filter(
      ({ destination }: { destination: string }) => destination !== "/dev",
    );
    writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
    expect(it.oci("run", "-b", bundle, "fake")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("opening a terminal: "),
    });
  });
});

describe("a seccomp agent", () => {
  test.each([true, false])(
    "gets the listener and the state (noNewPrivileges %s)",
    async (noNewPrivileges) => {
      const socket = join(it.directory, `agent-${noNewPrivileges}.sock`);
      const agent = spawn(
        "python3",
        [
          "-c",
          `import socket,sys,array,json
s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); print("ready",flush=True)
c,_=s.accept(); data,anc,_,_=c.recvmsg(65536,socket.CMSG_SPACE(16))
fds=array.array("i"); [fds.frombytes(d) for _,_,d in anc]
sys.stdout.write(json.dumps({"state":json.loads(data),"count":len(fds)}))`,
          socket,
        ],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      const closed = once(agent, "close");
      let told = "";
      agent.stdout.on("data", (chunk) => {
        told += chunk;
      });
      await expect.poll(() => told).toBe("ready\n");
      const bundle = it.bundle(`agent-${noNewPrivileges}`, (config) => {
        config.process.args = ["sh", "-c", "busybox mkdir /tmp/x"];
        config.process.noNewPrivileges = noNewPrivileges;
        config.annotations = { key: "value" };
        config.linux.seccomp = {
          defaultAction: "SCMP_ACT_ALLOW",
          listenerPath: socket,
          listenerMetadata: "some words",
          syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
        };
      });
      const id = `agent-${noNewPrivileges}`;
      // The agent goes without an answer, and the kernel says so to those who wait for one (seccomp_unotify(2)).
      expect(it.oci("run", "-b", bundle, id)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("Function not implemented"),
      });
      await closed;
      await closed;
      const { state, count: descriptors } = JSON.parse(told.replace("ready\n", ""));
      expect(descriptors).toBe(1);
      expect(state).toEqual({
        ociVersion: "1.2.0",
        fds: ["seccompFd"],
        pid: expect.any(Number),
        metadata: "some words",
        state: {
          ociVersion: "1.2.0",
          id,
          status: "creating",
          pid: state.pid,
          bundle,
          annotations: { key: "value" },
        },
      });
    },
  );

  test("that is not there is an error", () => {
    const bundle = it.bundle("nobody", (config) => {
      config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath: join(it.directory, "nobody.sock"),
        syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
      };
    });
    expect(it.oci("run", "-b", bundle, "nobody")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("failed to connect with seccomp agent"),
    });
  });
});
