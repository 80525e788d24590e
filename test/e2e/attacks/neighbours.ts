/** What another user of the host, who has nothing to do with containers, can have of them. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Attack, type Edit, lootOf, SECRET, withContainer } from "./attack.ts";

const NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups";

const openDirectories: readonly Edit[] = [
  "src/engine/create.ts",
  "src/engine/volumes/records.ts",
  "src/store/images.ts",
  "src/store/journal.ts",
  "src/store/locks.ts",
  "src/store/names.ts",
  "src/store/scratch.ts",
].map((file) => ({ file, from: "mode: 0o700", to: "mode: 0o755", everywhere: true }));

const openToOthers: readonly Edit[] = [
  ...openDirectories,
  { file: "native/monitor/service.c", from: "umask(0177)", to: "umask(0)" },
];

export const neighbourAttacks: readonly Attack[] = [
  {
    name: "CVE-2021-41091: another user of the host, in the directories of containers and volumes",
    weakening: openToOthers,
    async attempt(scene) {
      const { cli } = scene;
      const container = await scene.hold("-v", "kept:/kept");
      return withContainer(scene, container, async () => {
        await cli.output("exec", container, "sh", "-c", `echo "${SECRET}" | tee /kept/secret >/etc/secret`);
        const files = [
          join(cli.root, "volumes/kept/_data/secret"),
          join(cli.root, "containers", container, "upper/etc/secret"),
          join(cli.root, "containers", container, "config.json"),
          join(cli.root, "containers", container, "log.json"),
          join(cli.root, "images.json"),
        ];
        return lootOf(
          await cli.shell(`${NOBODY} ${join(cli.directory, "attacker")} read ${files.join(" ")}`),
        );
      });
    },
  },
  {
    name: "another user of the host, at the socket of a container's monitor",
    weakening: openToOthers,
    async attempt(scene) {
      const { cli } = scene;
      const container = await scene.hold();
      const connect = `cd ${join(cli.run, "containers", container)} && exec ${join(cli.directory, "attacker")} connect attach.sock`;
      return withContainer(scene, container, async () =>
        lootOf(await cli.shell(`${NOBODY} sh -c '${connect}'`)),
      );
    },
  },
  {
    name: "secrets in the command lines of tsrun's processes, which everybody may read",
    weakening: [
      {
        file: "src/engine/start.ts",
        from: "begun ?? beginStart({ id: record.id,",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: source code
        to: "beginStart({ id: `${record.id} ${JSON.stringify(record)}`,",
      },
    ],
    async attempt(scene) {
      const { cli } = scene;
      const [variables, labels] = [join(cli.directory, "variables"), join(cli.directory, "labels")];
      writeFileSync(variables, "PASSWORD=in-a-variable\n");
      writeFileSync(labels, "password=in-a-label\n");
      const container = await scene.hold("--env-file", variables, "--label-file", labels);
      return withContainer(scene, container, async () => {
        const { stdout } = await cli.shell(
          `${NOBODY} sh -c 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null'`,
        );
        return ["in-a-variable", "in-a-label"].filter((secret) => stdout.includes(secret));
      });
    },
  },
];
