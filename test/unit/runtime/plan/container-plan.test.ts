import { describe, expect, test } from "vitest";
import type { ContainerConfig } from "../../../../src/runtime/oci.ts";
import { execPlan } from "../../../../src/runtime/plan/exec-plan.ts";
import type { Plan, Step } from "../../../../src/runtime/plan/plan.ts";
import { placeOf, planOf, stepsOf, typicalConfig, typicalProcess } from "./typical.ts";

/** Fails unless the steps come in this order. */
function expectOrder(plan: Plan, ...steps: Record<string, unknown>[]): void {
  const places = steps.map((properties) => placeOf(plan, properties));
  expect(places).toEqual([...places].sort((a, b) => a - b));
}

const withMounts = (...mounts: ContainerConfig["mounts"]): ContainerConfig => {
  const config = typicalConfig();
  return { ...config, mounts: [...config.mounts, ...mounts] };
};
const v1 = {
  cloneInto: false,
  procsFiles: ["/sys/fs/cgroup/memory/x/tasks", "/sys/fs/cgroup/cpu,cpuacct/x/tasks"],
  view: {
    version: 1 as const,
    hierarchies: [
      { name: "memory", options: "memory" },
      { name: "cpu,cpuacct", options: "cpu,cpuacct" },
    ],
  },
};
const pivot = { op: "pivotRoot" };
const filter = { op: "seccomp" };

describe("a container's Plan", () => {
  const plan = planOf(typicalConfig());

  test("begins with clone and ends with close_range and execve", () => {
    expect(plan.steps[0]).toMatchObject({ op: "clone", cgroup: "cgroup" });
    expect(plan.steps.slice(-2).map(({ op }) => op)).toEqual(["closeRange", "execve"]);
    expect(stepsOf(plan, "clone").length + stepsOf(plan, "execve").length).toBe(2);
    expect(plan.fds).toEqual(["cgroup", "netns"]);
  });

  test("makes all namespaces but the one that is ready, which it joins, and its own cgroup's after joining that", () => {
    expect(stepsOf(plan, "clone")[0]?.flags).toEqual([
      "CLONE_NEWNS",
      "CLONE_NEWPID",
      "CLONE_NEWUTS",
      "CLONE_NEWIPC",
    ]);
    expectOrder(
      plan,
      { op: "clone" },
      { op: "unshare", flags: ["CLONE_NEWCGROUP"] },
      { op: "setns", fd: "netns" },
    );
    expect(stepsOf(plan, "linkUp")).toEqual([]);
  });

  test("names: of the new uts namespace", () => {
    expectOrder(
      plan,
      { op: "clone" },
      { op: "sethostname", name: "box" },
      { op: "setdomainname", name: "example.org" },
      pivot,
    );
  });

  test("nothing propagates to the host before anything is mounted", () => {
    expectOrder(
      plan,
      { op: "mount", flags: ["MS_REC", "MS_PRIVATE"] },
      { op: "mount", fstype: "overlay" },
      { op: "openTree", path: "/host/data" },
      pivot,
    );
    expect(stepsOf(plan, "mount")[0]?.flags).toEqual(["MS_REC", "MS_PRIVATE"]);
  });

  test("the overlay's layers are relative to where they are, and it is the working directory when it becomes the root", () => {
    expect(stepsOf(plan, "mount")[1]).toMatchObject({
      source: "overlay",
      target: "../c/merged",
      data: "lowerdir=bbb:aaa,upperdir=../c/upper,workdir=../c/work",
    });
    const place = placeOf(plan, pivot);
    expect(plan.steps.slice(place - 4, place + 3).filter(({ op }) => op !== "openTree")).toMatchObject([
      pivot,
      { op: "umount", target: ".", flags: ["MNT_DETACH"] },
      { op: "chdir", path: "/" },
    ]);
    expectOrder(
      plan,
      { op: "chdir", path: "/data/layers" },
      { op: "mount", fstype: "overlay" },
      { op: "chdir", path: "../c/merged" },
      pivot,
    );
  });

  test("every source of a bind mount is taken before the host is out of sight, and attached after", () => {
    const sources = stepsOf(plan, "openTree").filter(({ slot }) => slot.startsWith("bind:"));
    expect(sources.map(({ path }) => path)).toEqual([
      "/host/data",
      "/data/c/resolv.conf",
      "/data/c/hostname",
      "/data/c/hosts",
    ]);
    for (const { slot } of sources) {
      expect(plan.steps.findIndex((step) => step.op === "openTree" && step.slot === slot)).toBeLessThan(
        placeOf(plan, pivot),
      );
      expectOrder(plan, pivot, { op: "moveMount", slot });
    }
  });

  test("each mount point is made right before, of its source's kind, and parents are mounted first", () => {
    expectOrder(plan, { op: "mkdir", path: "/data" }, { op: "moveMount", target: "/data" });
    expectOrder(plan, { op: "touch", path: "/etc/hosts" }, { op: "moveMount", target: "/etc/hosts" });
    const targets = plan.steps.flatMap((step) =>
      (step.op === "mount" || step.op === "moveMount") && step.target.startsWith("/") ? [step.target] : [],
    );
    for (const [index, target] of targets.entries())
      for (const later of targets.slice(index + 1))
        expect(target.startsWith(`${later}/`), `${target}, ${later}`).toBe(false);
  });

  test("a read-only bind is so with all below it", () => {
    expect(stepsOf(plan, "treeSetattr").filter(({ slot }) => slot === "bind:/data")).toMatchObject([
      { propagation: "MS_PRIVATE", recursive: true, set: [] },
      { propagation: null, recursive: true, set: ["MOUNT_ATTR_RDONLY"] },
    ]);
  });

  test("an image's layers are mounted before the root, in the directory that holds them, and held by a slot", () => {
    const image = {
      destination: "/image",
      type: "bind",
      source: "/data/c/images/0/etc",
      options: ["rbind", "rro"],
      tsrun: {
        within: "/data/c/images/0",
        overlay: { layersDir: "/data/layers", lower: ["ccc"], target: "../c/images/0" },
        isDirectory: true,
      },
    };
    const one = planOf(withMounts(image));
    expectOrder(
      one,
      { op: "mount", data: "lowerdir=ccc:../c/images/0", flags: ["MS_RDONLY"] },
      { op: "openTree", slot: "bind:/image", path: "etc", within: "/data/c/images/0" },
      { op: "mount", target: "../c/merged" },
      pivot,
      { op: "moveMount", slot: "bind:/image", target: "/image" },
    );
    const lower = Array.from({ length: 200 }, (_, index) => String(index).padStart(32, "0"));
    const many = planOf(
      withMounts({ ...image, tsrun: { ...image.tsrun, overlay: { ...image.tsrun.overlay, lower } } }),
    );
    expect(stepsOf(many, "mountOverlay")).toMatchObject([
      { upper: null, work: null, target: "../c/images/0" },
    ]);
    expect(stepsOf(many, "mountOverlay")[0]?.lower).toHaveLength(201);
  });

  test("owners are mapped while the mount is attached nowhere, by a namespace of the launcher's", () => {
    const ids = [{ containerID: 0, hostID: 1000, size: 1 }];
    const mapped = planOf(
      withMounts({
        destination: "/mine",
        type: "bind",
        source: "/volumes/v/_data",
        options: ["rbind"],
        uidMappings: ids,
        gidMappings: ids,
        tsrun: { isDirectory: true },
      }),
    );
    expect(mapped.fds).toEqual(["cgroup", "netns", "userns:/mine"]);
    expectOrder(
      mapped,
      { op: "openTree", path: "/volumes/v/_data", slot: "bind:/mine" },
      { op: "idmap", slot: "bind:/mine", userns: "userns:/mine" },
      pivot,
      { op: "moveMount", slot: "bind:/mine" },
    );
    expect(stepsOf(mapped, "idmap")).toHaveLength(1);
  });

  test("sysctls are written while /proc/sys is writable, paths are masked after all is mounted", () => {
    expectOrder(
      plan,
      { op: "mount", fstype: "proc" },
      { op: "moveMount", target: "/etc/hosts" },
      { op: "writeFile", path: "/proc/sys/net/ipv4/ip_forward", data: "1" },
      { op: "openTree", path: "/proc/sys" },
      { op: "mountSetattr", target: "/proc/sys", set: ["MOUNT_ATTR_RDONLY"] },
      { op: "mask", path: "/proc/kcore" },
      { op: "setresuid" },
    );
  });

  test("what this kernel has not got need not be protected", () => {
    const protection = plan.steps.filter(
      (step) => step.op === "mask" || ("slot" in step && step.slot === "readonly:/proc/sys"),
    );
    expect(protection.length).toBe(3);
    for (const step of protection) expect(step.tolerate).toEqual(["ENOENT"]);
  });

  test("the working directory is made as root and entered as the user, after the filter and the capabilities", () => {
    expectOrder(
      plan,
      { op: "mkdir", path: "/srv" },
      { op: "setresuid" },
      { op: "capset" },
      { op: "chdir", path: "/srv" },
    );
  });

  test("groups before the user, who may not change them; the parent-death signal after, which it would clear", () => {
    expectOrder(
      plan,
      { op: "prctl", option: "PR_SET_KEEPCAPS" },
      { op: "setgroups", gids: [100, 10] },
      { op: "setresgid", gid: 100 },
      { op: "setresuid", uid: 1000 },
      { op: "capset" },
      { op: "umask", mask: 0o027 },
      { op: "prctl", option: "PR_SET_PDEATHSIG", value: 9 },
      { op: "execve" },
    );
  });

  test("limits are raised while the privilege to is there", () => {
    expectOrder(plan, { op: "setrlimit", resource: "RLIMIT_NOFILE" }, { op: "setresuid" }, { op: "capset" });
  });

  test("PATH is searched as execvp(3) would", () => {
    expect(stepsOf(plan, "execve")[0]?.candidates).toEqual(["/usr/bin/sh", "/bin/sh"]);
  });
});

describe("seccomp", () => {
  test("without no_new_privs while CAP_SYS_ADMIN is there", () => {
    const plan = planOf(typicalConfig());
    expectOrder(plan, filter, { op: "capBoundingSet" }, { op: "capset" });
    expect(stepsOf(plan, "prctl").map(({ option }) => option)).not.toContain("PR_SET_NO_NEW_PRIVS");
  });

  test("with it as late as possible", () => {
    const plan = planOf(typicalConfig({ process: typicalProcess({ noNewPrivileges: true }) }));
    expectOrder(
      plan,
      { op: "capset" },
      { op: "chdir", path: "/srv" },
      { op: "prctl", option: "PR_SET_NO_NEW_PRIVS" },
      filter,
      { op: "closeRange" },
    );
    expect(stepsOf(plan, "seccomp").length).toBe(1);
  });

  test("unconfined: none", () => {
    expect(stepsOf(planOf(typicalConfig(), { seccomp: undefined }), "seccomp")).toEqual([]);
  });
});

describe("cgroups", () => {
  test("v2: cloned into, one tree in view", () => {
    const plan = planOf(typicalConfig());
    expect(stepsOf(plan, "writeFile").map(({ path }) => path)).toEqual(["/proc/sys/net/ipv4/ip_forward"]);
    expect(stepsOf(plan, "mount").filter(({ target }) => target.startsWith("/sys/fs/cgroup"))).toMatchObject([
      { fstype: "cgroup2", target: "/sys/fs/cgroup", flags: ["MS_NOSUID", "MS_RDONLY"] },
    ]);
  });

  test("v1: joined by each file, before the namespace that makes the cgroup its root; one view a hierarchy", () => {
    const plan = planOf(typicalConfig(), { cgroup: v1 });
    expect(plan.fds).toEqual(["netns"]);
    expect(stepsOf(plan, "clone")[0]).not.toHaveProperty("cgroup");
    for (const path of v1.procsFiles)
      expectOrder(plan, { op: "clone" }, { op: "writeFile", path, data: "0" }, { op: "unshare" });
    expect(stepsOf(plan, "mount").filter(({ target }) => target.startsWith("/sys/fs/cgroup"))).toMatchObject([
      { fstype: "tmpfs", target: "/sys/fs/cgroup" },
      {
        fstype: "cgroup",
        target: "/sys/fs/cgroup/memory",
        data: "memory",
        flags: ["MS_NOSUID", "MS_RDONLY"],
      },
      { fstype: "cgroup", target: "/sys/fs/cgroup/cpu,cpuacct", data: "cpu,cpuacct" },
    ]);
    // Only once the directories in it are made.
    expectOrder(
      plan,
      { op: "mount", target: "/sys/fs/cgroup/cpu,cpuacct" },
      { op: "mountSetattr", target: "/sys/fs/cgroup", set: ["MOUNT_ATTR_RDONLY"] },
    );
  });
});

describe("what options change", () => {
  test("no network: a loopback interface that is up", () => {
    const plan = planOf(typicalConfig(), { networkNamespace: false });
    expect(stepsOf(plan, "clone")[0]?.flags).toContain("CLONE_NEWNET");
    expect(stepsOf(plan, "linkUp")).toMatchObject([{ link: "lo" }]);
    expect(stepsOf(plan, "setns")).toEqual([]);
  });

  test("the host's network: its namespace stays", () => {
    const config = typicalConfig();
    config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "network");
    const plan = planOf(config, { networkNamespace: false });
    expect(stepsOf(plan, "clone")[0]?.flags).not.toContain("CLONE_NEWNET");
    expect(stepsOf(plan, "linkUp")).toEqual([]);
  });

  test("a terminal comes from the container's own /dev/pts and takes the place of the streams", () => {
    const process = typicalProcess({ terminal: true, consoleSize: { height: 24, width: 80 } });
    const plan = planOf(typicalConfig({ process }));
    expectOrder(
      plan,
      { op: "mount", fstype: "devpts" },
      { op: "openPty", rows: 24, columns: 80 },
      { op: "bindConsole", path: "/dev/console" },
      { op: "dup2", to: 2 },
      { op: "setControllingTerminal" },
    );
    expectOrder(plan, { op: "setsid" }, { op: "setControllingTerminal" });
  });

  test("the host's /dev, bound: nothing is made in it", () => {
    const config = typicalConfig({ process: typicalProcess({ terminal: true }) });
    config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith("/dev"));
    config.mounts.push({ destination: "/dev", type: "bind", source: "/dev", options: ["rbind", "rprivate"] });
    config.linux.devices = [];
    const plan = planOf(config);
    const inDev = plan.steps.filter(
      (step) => "path" in step && step.path.startsWith("/dev/") && step.op !== "openTree",
    );
    expect(inDev).toEqual([]);
    expect(stepsOf(plan, "openPty").length).toBe(1);
  });

  test("a read-only root is so only when all mount points are made", () => {
    const plan = planOf(typicalConfig({ root: { path: "/data/c/merged", readonly: true } }));
    const place = placeOf(plan, { op: "mountSetattr", target: "/", set: ["MOUNT_ATTR_RDONLY"] });
    const makes = new Set<Step["op"]>([
      "mkdir",
      "touch",
      "mknod",
      "symlink",
      "mount",
      "moveMount",
      "mask",
      "openPty",
    ]);
    expect(plan.steps.slice(place).filter(({ op }) => makes.has(op))).toEqual([]);
    expect(stepsOf(plan, "mountSetattr").find(({ target }) => target === "/")?.recursive).toBe(false);
  });

  test("more layers than a page can name go by the calls that take one each", () => {
    const lower = Array.from({ length: 130 }, (_, index) => `${index}`.padStart(32, "0"));
    const overlay = { layersDir: "/l", lower, upper: "u", work: "w", merged: "m", volatile: true };
    const plan = planOf(typicalConfig(), { overlay });
    expect(stepsOf(plan, "mountOverlay")).toMatchObject([
      { lower, upper: "u", work: "w", target: "m", options: ["volatile"] },
    ]);
    const few = planOf(typicalConfig(), { overlay: { ...overlay, lower: lower.slice(0, 60) } });
    expect(stepsOf(few, "mountOverlay")).toEqual([]);
    expect(stepsOf(few, "mount").find(({ fstype }) => fstype === "overlay")?.data).toMatch(/,volatile$/);
  });

  test("a directory as root is bound onto itself, as pivot_root(2) wants it", () => {
    const config = typicalConfig({ root: { path: "/bundle/rootfs" } });
    const plan = planOf(config, { overlay: undefined as never });
    expectOrder(
      plan,
      { op: "openTree", path: "/bundle/rootfs" },
      { op: "moveMount", target: "/bundle/rootfs" },
      { op: "chdir", path: "/bundle/rootfs" },
      pivot,
    );
  });

  test("in a user namespace proc and sysfs are mounted before the host is out of sight, where the root will be", () => {
    const plan = planOf(typicalConfig(), { userNamespace: true });
    const pivot = placeOf(plan, { op: "pivotRoot" });
    for (const [type, target] of [
      ["proc", "/proc"],
      ["sysfs", "/sys"],
    ] as const) {
      const mounted = placeOf(plan, { op: "mount", fstype: type });
      expect(plan.steps[mounted]).toMatchObject({ target: "/data/c/merged" });
      expect(plan.steps[mounted + 1]).toMatchObject({ op: "openTree", slot: `bind:${target}` });
      expect(plan.steps[mounted + 2]).toMatchObject({ op: "umount", target: "/data/c/merged" });
      expect(mounted).toBeLessThan(placeOf(plan, { op: "mount", fstype: "overlay" }));
      expect(placeOf(plan, { op: "moveMount", slot: `bind:${target}` })).toBeGreaterThan(pivot);
    }
    expect(stepsOf(plan, "mount").filter(({ fstype }) => fstype === "proc")).toHaveLength(1);
  });

  test("a bind that propagates is taken from the host before the mounts are made private", () => {
    const plan = planOf(
      withMounts({ destination: "/p", type: "bind", source: "/host/data", options: ["rbind", "rslave"] }),
    );
    expectOrder(
      plan,
      { op: "openTree", slot: "bind:/p" },
      { op: "mount", flags: ["MS_REC", "MS_PRIVATE"] },
      { op: "openTree", slot: "bind:/data" },
      pivot,
      { op: "treeSetattr", slot: "bind:/p", propagation: "MS_SLAVE" },
      { op: "moveMount", slot: "bind:/p", target: "/p" },
    );
  });

  test("a sysctl of an interface with a dot in its name", () => {
    const config = typicalConfig();
    config.linux.sysctl = { "net.ipv4.conf.eth0/1.rp_filter": "0" };
    expect(stepsOf(planOf(config), "writeFile")[0]?.path).toBe("/proc/sys/net/ipv4/conf/eth0.1/rp_filter");
  });

  test("devices in directories, and of others than root", () => {
    const config = typicalConfig();
    config.linux.devices = [
      { type: "b", path: "/dev/disk/x", major: 8, minor: 1, fileMode: 0o660, uid: 0, gid: 6 },
    ];
    const plan = planOf(config);
    expectOrder(
      plan,
      { op: "mkdir", path: "/dev/disk" },
      { op: "mknod", path: "/dev/disk/x", type: "b", mode: 0o660 },
      { op: "chown", path: "/dev/disk/x", uid: 0, gid: 6 },
    );
  });

  test("a pause is the last thing before the program", () => {
    const plan = planOf(typicalConfig(), { pause: true });
    expect(plan.steps.at(-2)?.op).toBe("wait");
    expect(stepsOf(planOf(typicalConfig()), "wait")).toEqual([]);
  });

  test("fewer files than the steps themselves need are allowed only at the very end", () => {
    const process = typicalProcess({
      rlimits: [
        { type: "RLIMIT_NOFILE", soft: 8, hard: 8 },
        { type: "RLIMIT_CORE", soft: 0, hard: -1 },
      ],
    });
    const plan = planOf(typicalConfig({ process }));
    expectOrder(
      plan,
      { op: "setrlimit", resource: "RLIMIT_CORE" },
      { op: "capset" },
      { op: "chdir", path: "/srv" },
      { op: "setrlimit", resource: "RLIMIT_NOFILE" },
      { op: "closeRange" },
    );
  });

  test.each([
    ["a path is taken as it is", ["./run"], ["PATH=/bin"], ["./run"]],
    ["an empty part of PATH is the working directory", ["run"], ["PATH=:/bin"], ["./run", "/bin/run"]],
    ["the last PATH counts", ["run"], ["PATH=/a", "PATH=/b"], ["/b/run"]],
  ])("%s", (_name, args, env, candidates) => {
    const plan = planOf(typicalConfig({ process: typicalProcess({ args, env }) }));
    expect(stepsOf(plan, "execve")[0]).toMatchObject({ candidates, argv: args, envp: env });
  });
});

describe("a Plan of exec", () => {
  const plan = execPlan({
    process: typicalProcess({ terminal: true, oomScoreAdj: 100 }),
    cgroup: { cloneInto: false, procsFiles: ["/sys/fs/cgroup/memory/x/tasks"] },
    seccomp: { program: new Uint8Array(8), flags: [] },
  });

  test("joins the pid namespace for the child to be born in, the others as that child", () => {
    expect(plan.steps.slice(0, 2)).toMatchObject([
      { op: "setns", fd: "init", flags: ["CLONE_NEWPID"] },
      { op: "clone", flags: [] },
    ]);
    expect(stepsOf(plan, "setns")[1]?.flags).toEqual([
      "CLONE_NEWNS",
      "CLONE_NEWUTS",
      "CLONE_NEWIPC",
      "CLONE_NEWNET",
      "CLONE_NEWCGROUP",
    ]);
    expect(plan.fds).toEqual(["init"]);
  });

  test("writes to the host's files before it is inside, and takes its terminal there", () => {
    const inside = { op: "setns", flags: stepsOf(plan, "setns")[1]?.flags };
    expectOrder(
      plan,
      { op: "clone" },
      { op: "writeFile", path: "/sys/fs/cgroup/memory/x/tasks" },
      { op: "writeFile", path: "/proc/self/oom_score_adj", data: "100" },
      inside,
      { op: "openPty" },
      { op: "setresuid" },
      { op: "execve" },
    );
  });

  test("makes nothing: no mount, no directory, no device", () => {
    const makes = new Set<Step["op"]>([
      "mount",
      "moveMount",
      "mkdir",
      "touch",
      "mknod",
      "symlink",
      "mask",
      "pivotRoot",
    ]);
    expect(plan.steps.filter(({ op }) => makes.has(op))).toEqual([]);
  });

  test("is cloned into the cgroup on v2", () => {
    const { fds, steps } = execPlan({
      process: typicalProcess(),
      cgroup: { cloneInto: true, procsFiles: [] },
      seccomp: undefined,
    });
    expect(fds).toEqual(["init", "cgroup"]);
    expect(steps[1]).toMatchObject({ op: "clone", cgroup: "cgroup" });
  });
});
