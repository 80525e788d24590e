import { startContainer } from "../../../oci/start.ts";
import { notifySocket } from "../activation.ts";
import type { OciCommand } from "../command.ts";

const command: OciCommand = {
  name: "start",
  usage: "executes the user defined process in a created container",
  arguments: `<container-id>

Where "<container-id>" is your name for the instance of the container that you
are starting. The name you provide for the container instance must be unique on
your host.

DESCRIPTION:
   The start command executes the user defined process in a created container.`,
  flags: [],
  count: { min: 1, max: 1 },
  async run({ words: [id = ""], globals }) {
    await startContainer(globals.root, id, notifySocket());
    return 0;
  },
};
export default command;
