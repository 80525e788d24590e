import { createContainer } from "../../../oci/create.ts";
import type { OciCommand } from "../command.ts";
import { creationFlags, creationOptions } from "../creation-flags.ts";

const command: OciCommand = {
  name: "create",
  usage: "create a container",
  arguments: `<container-id>

Where "<container-id>" is your name for the instance of the container that you
are starting. The name you provide for the container instance must be unique on
your host.

DESCRIPTION:
   The create command creates an instance of a container for a bundle. The bundle
is a directory with a specification file named "config.json" and a root
filesystem.`,
  flags: creationFlags,
  count: { min: 1, max: 1 },
  async run(call) {
    await createContainer(creationOptions(call));
    return 0;
  },
};
export default command;
