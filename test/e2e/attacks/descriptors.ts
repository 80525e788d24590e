/** What of the host's open files can be had: by descriptors that leak, and by the names that /proc gives them. */
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tarLayer } from "../../support/tar-layer.ts";
import { ATTACKER, type Attack, type Edit, lootOf, type Scene, withContainer } from "./attack.ts";

/** A directory of the host as a descriptor that tsrun's caller leaves open. */
const LEAKED = 200;
const leaking = ({ vault }: Scene, line: string): string => `exec ${LEAKED}<${vault}; exec ${line}`;

const leak: readonly Edit[] = [
  {
    file: "native/lib/spawn.c",
    from: "	posix_spawn_file_actions_addclosefrom_np(&actions, FIRST_FD + program->count);\n",
    to: "",
  },
  {
    file: "native/monitor/main.c",
    from: "	close_range(OWNER_LOCK_FD, ~0U, CLOSE_RANGE_CLOEXEC);\n",
    to: "	close_range(OWNER_LOCK_FD, 100, CLOSE_RANGE_CLOEXEC);\n",
  },
  {
    file: "native/monitor/interpreter.c",
    from: "step_close_range(context, (unsigned)arg[0])",
    to: "0 * step_close_range(context, 1000)",
  },
];

const magicLinks: Edit = {
  file: "native/monitor/paths.c",
  from: "{ .flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_NO_MAGICLINKS }",
  to: "{ .flags = (unsigned)(flags | O_CLOEXEC) }",
};

/** Open until the very end of execve(2), as with FD_CLOEXEC. */
const closedByExec: Edit = {
  file: "native/monitor/interpreter.c",
  from: "step_close_range(context, (unsigned)arg[0])",
  to: "(int)syscall(SYS_close_range, (unsigned)arg[0], ~0U, 4 /* CLOSE_RANGE_CLOEXEC */)",
};

export const descriptorAttacks: readonly Attack[] = [
  {
    name: "descriptors that tsrun or its caller has open, in a container's first process",
    weakening: leak,
    async attempt(scene) {
      return lootOf(await scene.cli.shell(leaking(scene, scene.line(["descriptors", scene.secret]))));
    },
  },
  {
    name: "descriptors that tsrun or its caller has open, in an executed process",
    weakening: leak,
    async attempt(scene) {
      const container = await scene.hold();
      const line = `tsrun exec ${container} ${ATTACKER} descriptors ${scene.secret}`;
      return withContainer(scene, container, async () => lootOf(await scene.cli.shell(leaking(scene, line))));
    },
  },
  {
    name: "CVE-2024-21626: a working directory by the name of a descriptor, --workdir of run",
    weakening: [...leak, magicLinks],
    async attempt(scene) {
      const tries = [3, 5, 7, 9, LEAKED].map((fd) =>
        scene.cli.shell(leaking(scene, scene.line(["read", "secret"], ["-w", `/proc/self/fd/${fd}`]))),
      );
      return lootOf(...(await Promise.all(tries)));
    },
  },
  {
    name: "CVE-2024-21626: a working directory by the name of a descriptor, --workdir of exec",
    weakening: [...leak, magicLinks],
    async attempt(scene) {
      const container = await scene.hold();
      const line = (fd: number) =>
        leaking(scene, `tsrun exec -w /proc/self/fd/${fd} ${container} ${ATTACKER} read secret`);
      return withContainer(scene, container, async () =>
        lootOf(...(await Promise.all([3, 6, 8, LEAKED].map((fd) => scene.cli.shell(line(fd)))))),
      );
    },
  },
  {
    name: "CVE-2024-21626: a working directory by the name of a descriptor, behind a link of the image's",
    weakening: [...leak, magicLinks],
    async attempt(scene) {
      const archive = join(scene.cli.directory, "workdir.tar");
      const link = { path: "work", type: "SymbolicLink" as const, linkpath: `/proc/self/fd/${LEAKED}` };
      writeFileSync(archive, tarLayer([link, { path: "proc/" }]));
      await scene.cli.output("import", "-c", "WORKDIR /work", archive, "attack/workdir");
      const line = scene.line(["read", "secret"]).replace("tsrun/base", "attack/workdir");
      return lootOf(await scene.cli.shell(leaking(scene, line)));
    },
  },
  {
    name: "CVE-2024-21626: a program of the host's, by way of a descriptor that execve would close",
    weakening: [...leak.slice(0, 2), closedByExec],
    async attempt(scene) {
      const { cli, vault } = scene;
      const program = join(vault, "program");
      copyFileSync(join(cli.directory, "attacker"), program);
      const line = (fd: number, path: string) =>
        leaking(scene, `tsrun run --rm --network none tsrun/base /proc/self/fd/${fd}/${path} loot`);
      const up = `../../../../../../../..${program}`;
      const tries = [...Array(10).keys()].map((fd) => line(fd + 3, up));
      const results = [await cli.shell(line(LEAKED, "program"))];
      for (const each of tries) results.push(await cli.shell(each));
      return lootOf(...results);
    },
  },
];
