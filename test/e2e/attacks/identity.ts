/** Privileges, groups, keys and terminals that a process in a container is not to have. */
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Attack, type Edit, lootOf, SECRET, withContainer } from "./attack.ts";

const inheritable: Edit = {
  file: "src/engine/process.ts",
  from: "inheritable: [], ambient",
  to: "inheritable: [...held], ambient",
};

/** A group of the host's that no image knows. */
const FOREIGN_GROUP = 4242;

export const identityAttacks: readonly Attack[] = [
  {
    name: "CVE-2022-24769: capabilities by an inheritable set that is not empty, in run",
    weakening: [inheritable],
    attempt: async (scene) => lootOf(await scene.run(["inherit"])),
  },
  {
    name: "CVE-2022-29162: capabilities by an inheritable set that is not empty, in exec",
    weakening: [inheritable],
    async attempt(scene) {
      const container = await scene.hold();
      return withContainer(scene, container, async () => lootOf(await scene.exec(container, ["inherit"])));
    },
  },
  {
    name: "CVE-2022-36109: a group that is denied access, shed with a setgid program",
    weakening: [
      {
        file: "src/engine/user.ts",
        from: "[...new Set([gid, ...memberships, ...added])]",
        to: "[...new Set([...memberships, ...added])]",
      },
    ],
    async attempt({ cli, run }) {
      const directory = join(cli.directory, "groups");
      mkdirSync(directory, { recursive: true });
      const [denied, shed] = [join(directory, "denied"), join(directory, "shed")];
      writeFileSync(denied, SECRET);
      chownSync(denied, 0, 1000);
      chmodSync(denied, 0o604);
      copyFileSync(join(cli.directory, "attacker"), shed);
      chownSync(shed, 0, 10);
      chmodSync(shed, 0o2755);
      const flags = ["-v", `${directory}:/groups`, "-u", "1000:1000"];
      return lootOf(await run(["read", "/groups/denied"], { flags, program: "/groups/shed" }));
    },
  },
  {
    name: "CVE-2022-2995: groups of whoever called tsrun, kept by the container's user",
    weakening: [
      {
        file: "native/monitor/interpreter.c",
        from: "(int)syscall(SYS_setgroups, arg[1], context->base + arg[0])",
        to: "0",
      },
    ],
    async attempt({ cli, line }) {
      const file = join(cli.directory, "of-a-group");
      writeFileSync(file, SECRET);
      chownSync(file, 0, FOREIGN_GROUP);
      chmodSync(file, 0o640);
      const flags = ["-v", `${file}:/of-a-group`, "-u", "1000:1000"];
      return lootOf(
        await cli.shell(`setpriv --groups ${FOREIGN_GROUP} ${line(["read", "/of-a-group"], flags)}`),
      );
    },
  },
  {
    name: "CVE-2022-0185: a user namespace, in which every capability reaches the kernel's code",
    weakening: [
      {
        file: "src/engine/security-opt.ts",
        from: 'seccomp: privileged ? "unconfined" : "default"',
        to: 'seccomp: "unconfined"',
      },
    ],
    attempt: async (scene) => lootOf(await scene.run(["make-namespaces"])),
  },
  {
    name: "CVE-2016-2568: characters typed into the terminal of the user who started the container",
    weakening: [
      {
        file: "src/runtime/plan/container-plan.ts",
        from: '    { op: "setsid", why: "A session of its own: signals of the user\'s terminal do not reach it." },\n',
        to: "",
      },
      { file: "native/monitor/main.c", from: "	setsid();\n", to: "" },
    ],
    async attempt({ cli, line }) {
      return lootOf(await cli.shell(`script -qec "${line(["inject"])}" /dev/null | tr -d '\\r'`));
    },
  },
  {
    name: "a key in the session keyring of whoever called tsrun, without a seccomp filter",
    weakening: [{ file: "src/runtime/plan/container-plan.ts", from: "    OWN_KEYRING_STEP,\n", to: "" }],
    async attempt({ cli, line }) {
      const container = line(["steal-key"], ["--security-opt", "seccomp=unconfined"]);
      return lootOf(await cli.shell(`${join(cli.directory, "attacker")} keep-key ${container}`));
    },
  },
];
