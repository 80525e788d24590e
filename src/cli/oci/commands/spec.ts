import { lstatSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isCgroup2 } from "../../../kernel/cgroupfs.ts";
import { CONFIG_NAME } from "../../../oci/bundle.ts";
import { invalidRequest } from "../../../oci/errors.ts";
import { exampleConfig, rootlessConfig } from "../../../oci/example-config.ts";
import type { OciCommand } from "../command.ts";
import { SPEC_VERSION } from "../version.ts";

const command: OciCommand = {
  name: "spec",
  usage: "create a new specification file",
  arguments: `

DESCRIPTION:
   The spec command creates the new specification file named "config.json" for
the bundle.

The spec generated is just a starter file. Its process is a shell on a terminal;
what else is wanted has to be put into it.

EXAMPLE:
       # mkdir -p hello/rootfs
       # tar -C hello/rootfs -xf hello-world.tar
       # tsrun-oci spec --bundle hello
       # sed -i 's;"sh";"/hello";' hello/config.json
       # tsrun-oci run --bundle hello container1

With --rootless it is one that an ordinary user can run.`,
  flags: [
    { name: "bundle", alias: "b", kind: "string", usage: "path to the root of the bundle directory" },
    { name: "rootless", kind: "boolean", usage: "generate a configuration for a rootless container" },
  ],
  count: { min: 0, max: 0 },
  run({ flags }) {
    const path = join(flags.text("bundle") ?? ".", CONFIG_NAME);
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
      throw invalidRequest(`File ${CONFIG_NAME} exists. Remove it first`);
    }
    const config = exampleConfig(SPEC_VERSION, { unified: isCgroup2("/sys/fs/cgroup") });
    const user = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
    writeFileSync(
      path,
      JSON.stringify(flags.boolean("rootless") ? rootlessConfig(config, user) : config, undefined, "\t"),
      { flag: "wx" },
    );
    return 0;
  },
};
export default command;
