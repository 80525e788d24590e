/** Plans of OCI configurations against the kernel: what the process in such a container finds. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { OciConfig, OciMount, OciNamespaceType, OciProcess } from "../../src/runtime/oci.ts";
import { runOci } from "../support/oci-container.ts";
import { assertTestHost } from "../support/test-host.ts";

assertTestHost();

const LAYOUT = fileURLToPath(new URL("../../rootfs-cache/build/", import.meta.url));
let directory: string;
let rootfs: string;

const blob = (digest: string): string => join(LAYOUT, "blobs", digest.replace(":", "/"));
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tsrun-oci-test-"));
  chmodSync(directory, 0o755);
  rootfs = join(directory, "rootfs");
  mkdirSync(rootfs);
  let document = json(join(LAYOUT, "index.json"));
  while (document.manifests) document = json(blob(document.manifests[0].digest));
  for (const { digest } of document.layers) execFileSync("tar", ["-xf", blob(digest), "-C", rootfs]);
});
afterAll(() => rmSync(directory, { recursive: true }));

const ALL: OciNamespaceType[] = ["mount", "pid", "uts", "ipc", "network", "cgroup"];
const CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_SETUID",
  "CAP_SETGID",
  "CAP_SYS_ADMIN",
  "CAP_MKNOD",
];

const MOUNTS: OciMount[] = [
  { destination: "/proc", type: "proc", source: "proc" },
  { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755"] },
  { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
];

interface More {
  process?: Partial<OciProcess>;
  mounts?: OciMount[];
  linux?: Partial<OciConfig["linux"]>;
  config?: Partial<OciConfig>;
}

function configOf(
  script: string,
  { process = {}, mounts = [], linux = {}, config = {} }: More = {},
): OciConfig {
  return {
    ociVersion: "1.2.0",
    hostname: "box",
    process: {
      cwd: "/",
      env: ["PATH=/bin:/usr/bin"],
      args: ["sh", "-c", script],
      user: { uid: 0, gid: 0 },
      capabilities: {
        bounding: CAPABILITIES,
        effective: CAPABILITIES,
        inheritable: [],
        permitted: CAPABILITIES,
        ambient: [],
      },
      ...process,
    },
    root: { path: rootfs },
    mounts: [...MOUNTS, ...mounts],
    linux: { namespaces: ALL.map((type) => ({ type })), ...linux },
    ...config,
  };
}

/** What a script says in a container that has to succeed. */
async function said(
  script: string,
  more: More = {},
  input: Parameters<typeof runOci>[1] = {},
): Promise<string> {
  const { output, exitCode, failure } = await runOci(configOf(script, more), input);
  expect({ exitCode, failure }, output).toEqual({ exitCode: 0, failure: undefined });
  return output.trim();
}

const USER = {
  namespaces: [...ALL, "user" as const].map((type) => ({ type })),
  uidMappings: [{ containerID: 0, hostID: 100000, size: 1000 }],
  gidMappings: [{ containerID: 0, hostID: 200000, size: 1000 }],
};

describe("an ordinary container", () => {
  test("has its own root, host name and process tree, and ends as its process does", async () => {
    const { output, exitCode, waits } = await runOci(configOf("hostname; echo $$; ls /; exit 7"));
    expect(output.split("\n").slice(0, 2)).toEqual(["box", "1"]);
    expect(output).toContain("bin");
    expect([exitCode, waits]).toEqual([7, ["start"]]);
  });

  test("waits for its hooks while the host's paths hold, with everything mounted", async () => {
    const seen: string[] = [];
    const config = configOf("true", {
      config: { hooks: { prestart: [{ path: "/x" }], createContainer: [{ path: "/y" }] } },
    });
    const { waits, exitCode, failure } = await runOci(config, {}, (name, pid) => {
      if (name === "start") return;
      const enter = ["-t", String(pid), "-m", "ls", join(rootfs, "dev/null"), join(rootfs, "proc/1/ns/mnt")];
      seen.push(
        execFileSync("nsenter", enter, { encoding: "utf8" })
          .split("\n")
          .slice(0, 2)
          .map((line) => line.slice(rootfs.length))
          .join(),
      );
    });
    expect([waits, exitCode, failure]).toEqual([["createRuntime", "createContainer", "start"], 0, undefined]);
    expect(seen).toEqual(["/dev/null,/proc/1/ns/mnt", "/dev/null,/proc/1/ns/mnt"]);
  });

  test("has the default devices and links, and nothing else", async () => {
    expect((await said("ls /dev")).split("\n")).toEqual([
      "core",
      "fd",
      "full",
      "null",
      "ptmx",
      "pts",
      "random",
      "stderr",
      "stdin",
      "stdout",
      "tty",
      "urandom",
      "zero",
    ]);
  });

  test("a program that is not there is told before the start", async () => {
    const { failure, waits } = await runOci(configOf("", { process: { args: ["no-such"] } }));
    expect([failure, waits]).toEqual(["looking for no-such: ENOENT", []]);
  });

  test("no descriptor but the three and those that it is given", async () => {
    expect(await said("ls /proc/self/fd | wc -l")).toBe("4"); // and the one that ls reads it by
  });

  test.each([true, false])("a root that is %s to pivot", async (noPivot) => {
    expect(await said("grep -c ' / / ' /proc/self/mountinfo; ls /", {}, { noPivot })).not.toContain("/work");
  });
});

describe("a user namespace", () => {
  test("maps its users, and its root owns what is made", async () => {
    const out = await said("id -u; cat /proc/self/uid_map; stat -c %u /dev", { linux: USER });
    expect(out.split(/\s+/)).toEqual(["0", "0", "100000", "1000", "0"]);
  });

  test("binds the host's devices, and sources that its root may not see", async () => {
    const secret = join(directory, "secret");
    mkdirSync(join(secret, "inner"), { recursive: true });
    writeFileSync(join(secret, "inner", "file"), "hello");
    chmodSync(secret, 0o700);
    mkdirSync(join(rootfs, "in"));
    const mounts = [
      { destination: "/in", type: "bind", source: join(secret, "inner"), options: ["rbind", "ro"] },
    ];
    const out = await said("echo x > /dev/null && cat /in/file; touch /in/new 2>&1; true", {
      linux: USER,
      mounts,
    });
    expect(out).toContain("hello");
    expect(out).toContain("Read-only");
  });

  test("joined by its path, with the others that belong to it", async () => {
    const holder = execFileSync(
      "sh",
      [
        "-c",
        'unshare --user --map-root-user -n sleep 60 >/dev/null 2>&1 & until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep 0.05; done; echo $!',
      ],
      { encoding: "utf8" },
    ).trim();
    const namespaces = [
      ...ALL.filter((type) => type !== "network").map((type) => ({ type })),
      { type: "network" as const, path: `/proc/${holder}/ns/net` },
      { type: "user" as const, path: `/proc/${holder}/ns/user` },
    ];
    try {
      const out = await said("cat /proc/self/uid_map; readlink /proc/self/ns/net", { linux: { namespaces } });
      const net = execFileSync("readlink", [`/proc/${holder}/ns/net`], { encoding: "utf8" }).trim();
      expect(out.split(/\s+/)).toEqual(["0", "0", "1", net]);
    } finally {
      process.kill(Number(holder));
    }
  });
});

describe("mounts", () => {
  test("sources that mounts before them bring, in the container's own root", async () => {
    const mounts = [
      { destination: "/mnt", type: "tmpfs", source: "tmpfs" },
      { destination: "/mnt/a/b", type: "bind", source: LAYOUT, options: ["bind"] },
      { destination: "/other", type: "bind", source: join(rootfs, "mnt/a"), options: ["rbind"] },
    ];
    expect(await said("ls /other/b", { mounts })).toContain("index.json");
    expect(await said("ls /other/b", { mounts, linux: USER })).toContain("index.json");
  });

  test("a tmpfs takes over mode and contents", async () => {
    mkdirSync(join(rootfs, "copied/sub"), { recursive: true });
    chmodSync(join(rootfs, "copied"), 0o1750);
    writeFileSync(join(rootfs, "copied/sub/file"), "text", { mode: 0o640 });
    symlinkSync("sub/file", join(rootfs, "copied/link"));
    const mounts = [{ destination: "/copied", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "ro"] }];
    const out = await said(
      "cat /copied/link; stat -c ' %a' /copied /copied/sub/file; touch /copied/x 2>&1; true",
      { mounts },
    );
    expect(out).toMatch(/^text 1750\n 640\n.*Read-only/);
  });

  test("attributes of a bind, plain and recursive", async () => {
    const mounts = [
      { destination: "/b", type: "bind", source: LAYOUT, options: ["rbind", "rro", "nosuid", "noexec"] },
    ];
    expect(await said("grep ' /b ' /proc/self/mountinfo", { mounts })).toMatch(/ \/b ro,nosuid,noexec,/);
  });

  test("owners are mapped", async () => {
    const owned = join(directory, "owned");
    mkdirSync(owned, { recursive: true });
    writeFileSync(join(owned, "f"), "");
    const map = [{ containerID: 0, hostID: 5000, size: 10 }];
    const mounts = [
      {
        destination: "/o",
        type: "bind",
        source: owned,
        options: ["rbind", "idmap"],
        uidMappings: map,
        gidMappings: map,
      },
    ];
    expect(await said("stat -c %u:%g /o/f", { mounts })).toBe("5000:5000");
  });

  test("/proc that is a link is refused", async () => {
    const evil = join(directory, "evil");
    mkdirSync(join(evil, "tmp"), { recursive: true });
    symlinkSync("tmp", join(evil, "proc"));
    const { failure } = await runOci(configOf("true", { config: { root: { path: evil } } }));
    expect(failure).toBe("making the directory /proc, by way of no link: ELOOP");
  });
});

describe("the process", () => {
  test("clocks, personality, priorities, affinity", async () => {
    const out = await said(
      "cut -d. -f1 /proc/uptime; uname -m; grep Cpus_allowed_list /proc/self/status; cat /proc/self/timens_offsets",
      {
        linux: {
          namespaces: [...ALL, "time" as const].map((type) => ({ type })),
          timeOffsets: { boottime: { secs: 1_000_000_000 } },
          personality: { domain: "LINUX32" },
        },
        process: {
          ioPriority: { class: "IOPRIO_CLASS_BE", priority: 5 },
          scheduler: { policy: "SCHED_BATCH", nice: 5 },
        },
      },
    );
    const [uptime = "", machine] = out.split("\n");
    expect(Number(uptime)).toBeGreaterThan(1_000_000_000);
    expect(machine).toBe("i686");
  });

  test("a directory that only root may enter will do as working directory", async () => {
    mkdirSync(join(rootfs, "private"), { recursive: true });
    chmodSync(join(rootfs, "private"), 0o700);
    const process = { cwd: "/private", user: { uid: 1000, gid: 1000 }, args: ["/bin/sleep", "0"] };
    const { exitCode, failure } = await runOci(configOf("", { process }));
    expect([exitCode, failure]).toEqual([0, undefined]);
  });

  test("a kernel setting is written to the real /proc, whatever lies over it", async () => {
    const out = await said("cat /proc/sys/net/ipv4/ip_forward", {
      linux: { namespaces: ALL.map((type) => ({ type })), sysctl: { "net.ipv4.ip_forward": "1" } },
    });
    expect(out).toBe("1");
  });
});
