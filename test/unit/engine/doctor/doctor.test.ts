/** The doctor's rules, on hosts that are not this one. */
import { expect, test } from "vitest";
import { examine } from "../../../../src/engine/doctor/doctor.ts";
import type { HostView } from "../../../../src/engine/doctor/host-view.ts";

const FILES: Record<string, string> = {
  "/proc/filesystems": "nodev\tsysfs\nnodev\toverlay\n",
  "/proc/sys/kernel/seccomp/actions_avail": "kill allow\n",
  "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids",
  "/proc/sys/user/max_user_namespaces": "1000\n",
  "/proc/sys/net/ipv4/ip_unprivileged_port_start": "1024\n",
  "/etc/subuid": "alice:100000:65536\n",
  "/etc/subgid": "alice:100000:65536\n",
  "/dev/net/tun": "",
  "/run/user/1000": "",
};

const PROGRAMS: Record<string, number> = {
  "apt-get": 0o755,
  newuidmap: 0o4755,
  newgidmap: 0o4755,
  pasta: 0o755,
  ps: 0o755,
};

/** A host on which nothing is missing, as its root sees it before the first container of alice, but for what is changed. */
function host(changes: {
  files?: Record<string, string | undefined>;
  programs?: Record<string, number | undefined>;
  more?: Partial<HostView>;
}): HostView {
  const files = { ...FILES, ...changes.files };
  const programs = { ...PROGRAMS, ...changes.programs };
  return {
    read: (path) => files[path],
    exists: (path) => files[path] !== undefined,
    canWrite: () => true,
    program: (name) => {
      const mode = programs[name];
      return mode === undefined ? undefined : { path: `/usr/bin/${name}`, mode };
    },
    library: () => true,
    kernel: "6.1.0-18-amd64",
    user: { uid: 1000, name: "alice" },
    env: {},
    rootless: false,
    ...changes.more,
  };
}

function lacking(changes: Parameters<typeof host>[0]): Record<string, string | undefined> {
  const { host: all, user } = examine(host(changes));
  const findings = [...all, ...(user?.findings ?? [])].filter(({ status }) => status === "missing");
  return Object.fromEntries(findings.map(({ subject, command }) => [subject, command]));
}

test("nothing", () => {
  expect(lacking({})).toEqual({});
  expect(examine(host({ more: { user: { uid: 0, name: "root" } } })).user).toBeUndefined();
});

const max = "user.max_user_namespaces";
test.each<[string, Parameters<typeof host>[0], Record<string, unknown>]>([
  ["programs", { programs: { newuidmap: undefined } }, { newuidmap: "sudo apt-get install -y uidmap" }],
  [
    "of Fedora",
    { programs: { newgidmap: undefined, "apt-get": undefined, dnf: 0o755 } },
    { newgidmap: "sudo dnf install -y shadow-utils" },
  ],
  ["their rights", { programs: { newuidmap: 0o755 } }, { newuidmap: "sudo chmod u+s /usr/bin/newuidmap" }],
  [
    "ids",
    { files: { "/etc/subuid": "bob:100000:65536\n" } },
    { "/etc/subuid": "sudo usermod --add-subuids 165536-231071 alice" },
  ],
  [
    "enough of them",
    { files: { "/etc/subgid": "alice:200000:1000\n" } },
    { "/etc/subgid": "sudo usermod --add-subgids 201000-266535 alice" },
  ],
  ["by number", { files: { "/etc/subgid": "1000:200000:65536\n" } }, {}],
  [
    "user namespaces",
    { files: { "/proc/sys/user/max_user_namespaces": "0\n" } },
    { [max]: expect.stringContaining(`sysctl -w ${max}=65536`) },
  ],
  [
    "for everybody",
    { files: { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n" } },
    { "kernel.apparmor_restrict_unprivileged_userns": expect.stringContaining("=0") },
  ],
  ["a way out", { programs: { pasta: undefined } }, { network: "sudo apt-get install -y passt" }],
  ["either", { programs: { pasta: undefined, slirp4netns: 0o755 } }, {}],
  [
    "a session",
    { files: { "/run/user/1000": undefined } },
    { "/run/user/1000": "sudo loginctl enable-linger alice" },
  ],
  [
    "cgroup v2",
    {
      files: {
        "/sys/fs/cgroup/cgroup.controllers": undefined,
        "/proc/cgroups": "cpu\t1\t1\t1\ncpuset\t2\t1\t1\nmemory\t3\t1\t1\npids\t4\t1\t1\n",
      },
    },
    { "cgroup delegation": expect.stringContaining("unified_cgroup_hierarchy") },
  ],
  [
    "a controller",
    { files: { "/sys/fs/cgroup/cgroup.controllers": "cpu cpuset pids" } },
    { "cgroup controllers": expect.stringContaining("cgroup_enable=memory") },
  ],
  ["a kernel", { more: { kernel: "5.10.0" } }, { kernel: "upgrade the distribution" }],
  [
    "libraries",
    { more: { library: (name) => !name.startsWith("libnftables") } },
    { libnftables: "sudo apt-get install -y libnftables1" },
  ],
])("%s", (_, changes, expected) => {
  expect(lacking(changes)).toEqual(expected);
});

test("what the launcher has said, of who calls", () => {
  const env = { TSRUN_ROOTLESS_ERROR: "cannot make a user namespace\nask your administrator" };
  expect(lacking({ more: { env } })).toMatchObject({ namespaces: "ask your administrator" });
});
