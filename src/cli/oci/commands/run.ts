import { runContainer } from "../../../oci/run.ts";
import type { OciCommand } from "../command.ts";
import { creationFlags, creationOptions } from "../creation-flags.ts";

const command: OciCommand = {
  name: "run",
  usage: "create and run a container",
  arguments: `<container-id>

Where "<container-id>" is your name for the instance of the container that you
are starting. The name you provide for the container instance must be unique on
your host.

DESCRIPTION:
   The run command creates an instance of a container for a bundle. The bundle
is a directory with a specification file named "config.json" and a root
filesystem.`,
  flags: [
    ...creationFlags,
    { name: "detach", alias: "d", kind: "boolean", usage: "detach from the container's process" },
    { name: "keep", kind: "boolean", usage: "do not delete the container after it exits" },
    {
      name: "no-subreaper",
      kind: "boolean",
      usage: "disable the use of the subreaper used to reap reparented processes (there is none)",
    },
  ],
  count: { min: 1, max: 1 },
  async run(call) {
    const { flags } = call;
    return await runContainer({
      ...creationOptions(call),
      detach: flags.boolean("detach"),
      keep: flags.boolean("keep"),
    });
  },
};
export default command;
