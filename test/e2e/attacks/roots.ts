/** Ways out of a root filesystem: above it, by links while it is set up, and by links for those who look into it. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Attack, type Edit, lootOf, SECRET, withContainer } from "./attack.ts";

/** What runc once did: mount by paths that lead through the container's root, seen from the host. */
const mountsFromOutside: Edit = {
  file: "src/runtime/plan/container-plan.ts",
  from: "    ...pivotSteps(),\n    ...mountSteps(config.mounts, {",
  to: `    ...mountSteps(config.mounts.map((m) => ({ ...m, destination: config.root.path + m.destination })), {
      cgroup: cgroup.view, isDirectory: input.isDirectory }).map((step) =>
        "slot" in step ? { ...step, slot: step.slot?.replace(config.root.path, "") } as Step : step),
    { op: "chdir", path: config.root.path, why: "" },
    ...pivotSteps(),
    ...mountSteps([], {`,
};

export const rootAttacks: readonly Attack[] = [
  {
    name: "the host's tree, above the container's root",
    weakening: [
      {
        file: "native/monitor/interpreter.c",
        from: "	case OP_UMOUNT:\n		return umount2(path, (int)arg[1]);",
        to: "	case OP_UMOUNT:\n		return 0;",
      },
    ],
    attempt: async (scene) => lootOf(await scene.run(["leave-root", scene.secret])),
  },
  {
    name: "CVE-2021-30465: a directory exchanged for a link while another container mounts below it",
    weakening: [mountsFromOutside],
    async attempt(scene) {
      const { cli, vault } = scene;
      const shared = join(cli.directory, "shared");
      mkdirSync(join(shared, "place"), { recursive: true });
      if (!existsSync(join(shared, "link"))) symlinkSync(vault, join(shared, "link"));
      const volume = ["-v", `${shared}:/shared`];
      const ambush = await scene.ambush(["exchange", "/shared/place", "/shared/link"], volume);
      return withContainer(scene, ambush.name, async () => {
        const victim = [...volume, "--tmpfs", "/shared/place/made"];
        for (let i = 0; i < 10 && !existsSync(join(vault, "made")); i++) {
          const result = await scene.run(["read", "/shared/place/secret"], { flags: victim });
          if (lootOf(result).length > 0) return lootOf(result);
        }
        return existsSync(join(vault, "made")) ? ["LOOT a mount point on the host"] : [];
      });
    },
  },
  {
    name: "a read-only bind mount, exchanged for a link before it is read-only",
    weakening: [
      {
        file: "src/runtime/plan/mounts.ts",
        from: "    ...attributeSteps(slotOf(mount), parseMountOptions(mount.options ?? [])),\n",
        to: "",
      },
      {
        file: "src/runtime/plan/mounts.ts",
        from: '{ op: "moveMount", slot: slotOf(mount), target, why: whyOf(mount) },\n  ];',
        to: `{ op: "moveMount", slot: slotOf(mount), target, why: whyOf(mount) },
    ...attributeSteps(slotOf(mount), parseMountOptions(mount.options ?? [])).map(
      (step) => ({ ...step, op: "mountSetattr", target }) as Step),\n  ];`,
      },
      // Slow enough for the race to be won soon.
      {
        file: "native/monitor/interpreter.c",
        from: "		return step_move_mount(context, arg[0], string(context, arg[1]));\n",
        to: "		usleep(3000);\n		return step_move_mount(context, arg[0], string(context, arg[1])) + usleep(3000);\n",
      },
    ],
    async attempt(scene) {
      const { cli } = scene;
      const [shared, precious] = [join(cli.directory, "exchanged"), join(cli.directory, "precious")];
      const planted = join(precious, "planted");
      mkdirSync(precious, { recursive: true });
      mkdirSync(join(shared, "place"), { recursive: true });
      // To another mount of the container's: only those have attributes to set.
      if (!existsSync(join(shared, "link"))) symlinkSync("/dev/shm", join(shared, "link"));
      const volume = ["-v", `${shared}:/shared`];
      const both = ["/shared/place", "/shared/link"];
      const ambush = await scene.ambush(["exchange", ...both], volume);
      return withContainer(scene, ambush.name, async () => {
        const flags = [...volume, "-v", `${precious}:/shared/place:ro`];
        for (let i = 0; i < 25 && !existsSync(planted); i++) await scene.run(["plant", ...both], { flags });
        return existsSync(planted) ? ["LOOT a file where none may be written"] : [];
      });
    },
  },
  {
    name: "CVE-2017-1002101: a subpath of a volume that is a link out of it",
    weakening: [
      {
        file: "src/kernel/openat2.ts",
        from: "{ flags, resolve: RESOLVE_BENEATH }",
        to: "{ flags, resolve: 0 }",
      },
      {
        file: "native/monitor/paths.c",
        from: ".resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS",
        to: ".resolve = 0",
      },
    ],
    async attempt(scene) {
      const volume = `escape-${scene.cli.containers().length}`;
      await scene.cli.output("volume", "create", volume);
      const files = join(scene.cli.root, "volumes", volume, "_data");
      symlinkSync(scene.vault, join(files, "out"));
      const mount = `type=volume,source=${volume},target=/inside,volume-subpath=out`;
      const result = await scene.run(["read", "/inside/secret"], { flags: ["--mount", mount] });
      await scene.cli.output("volume", "rm", volume);
      return lootOf(result);
    },
  },
  {
    name: "CVE-2018-15664: a link in the container, followed by cp on the host",
    weakening: [
      {
        file: "src/kernel/openat2.ts",
        from: "const RESOLVE_IN_ROOT = 0x10;",
        to: "const RESOLVE_IN_ROOT = 0;",
      },
      {
        file: "src/kernel/openat2.ts",
        from: "cPath(path), bytes",
        to: 'cPath(String(path).replace(/^\\/+/, "./")), bytes',
      },
    ],
    async attempt(scene) {
      const { cli, vault } = scene;
      const container = await scene.hold();
      return withContainer(scene, container, async () => {
        await cli.output("exec", container, "ln", "-s", vault, "/out");
        await cli.output("exec", container, "ln", "-s", `${vault}/secret`, "/stolen");
        const got = [
          await cli.shell(`tsrun cp ${container}:/out/secret - | tar -xO`),
          await cli.shell(`tsrun cp -L ${container}:/stolen - | tar -xO`),
        ];
        const planted = join(cli.directory, "planted");
        writeFileSync(planted, "planted");
        await cli.tsrun("cp", planted, `${container}:/out/`);
        return [
          ...got.filter(({ stdout }) => stdout.includes(SECRET)).map(() => "LOOT the secret, copied"),
          ...(existsSync(join(vault, "planted")) ? ["LOOT a file on the host"] : []),
        ];
      });
    },
  },
];
