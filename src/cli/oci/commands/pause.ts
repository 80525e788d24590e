import { pauseContainer } from "../../../oci/pause.ts";
import type { OciCommand } from "../command.ts";

const command: OciCommand = {
  name: "pause",
  usage: "pause suspends all processes inside the container",
  arguments: `<container-id>

Where "<container-id>" is the name for the instance of the container to be
paused.

The pause command suspends all processes in the instance of the container.

Use tsrun-oci list to identify instances of containers and their current status.`,
  flags: [],
  count: { min: 1, max: 1 },
  async run({ words: [id = ""], globals }) {
    await pauseContainer(globals.root, id);
    return 0;
  },
};
export default command;
